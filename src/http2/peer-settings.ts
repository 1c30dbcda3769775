import { ErrorCodes } from "./error-code.ts";
import { FRAME_BYTES, LARGEST_FRAME_BYTES, LARGEST_WINDOW, Setting } from "./frames.ts";
import type { H2Exchange } from "./h2-exchange.ts";
import type { SendSide } from "./send-side.ts";

/** Takes one SETTINGS frame of the peer over. Returns the error code the connection must end with, or undefined. */
export function applySettings(
  payload: Buffer,
  at: number,
  end: number,
  peer: {
    readonly send: SendSide;
    readonly exchanges: Iterable<H2Exchange>;
    readonly isServer: boolean;
    maxStreams: number;
  },
): number | undefined {
  const { send } = peer;
  let { initialWindow } = send;
  for (; at < end; at += 6) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case Setting.HEADER_TABLE_SIZE:
        peer.send.encoder.limit(value);
        break;
      case Setting.ENABLE_PUSH:
        // Only a client may allow pushes (RFC 9113, 6.5.2); we never push.
        if (value > 1 || (value === 1 && !peer.isServer)) return ErrorCodes.PROTOCOL_ERROR;
        break;
      case Setting.MAX_CONCURRENT_STREAMS:
        peer.maxStreams = value;
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > LARGEST_WINDOW) return ErrorCodes.FLOW_CONTROL_ERROR;
        initialWindow = value;
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < FRAME_BYTES || value > LARGEST_FRAME_BYTES) return ErrorCodes.PROTOCOL_ERROR;
        break;
      default: // unknown settings mean nothing (RFC 9113, 6.5.2)
    }
  }
  // Once a frame: what it costs grows with the exchanges, and a frame may name it thousands of times.
  const more = initialWindow - send.initialWindow;
  send.initialWindow = initialWindow;
  if (more === 0) return undefined;
  for (const exchange of peer.exchanges) {
    exchange.sendWindow += more;
    if (exchange.sendWindow > LARGEST_WINDOW) return ErrorCodes.FLOW_CONTROL_ERROR;
  }
  if (more > 0) for (const exchange of peer.exchanges) send.resumeOne(exchange);
  return undefined;
}

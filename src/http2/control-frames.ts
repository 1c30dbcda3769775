import { Flag, FrameType, Setting } from "./frames.ts";
import type { Limits } from "./limits.ts";
import type { Output } from "./output.ts";

/** Frames of four octets or eight, written in place. */
export function putUint32(output: Output, type: number, id: number, value: number): void {
  const at = output.frame(4, type, 0, id);
  output.chunk.writeUInt32BE(value, at);
}

export function putReset(output: Output, id: number, code: number): void {
  putUint32(output, FrameType.RST_STREAM, id, code);
}

export function putWindowUpdate(output: Output, id: number, bytes: number): void {
  putUint32(output, FrameType.WINDOW_UPDATE, id, bytes);
}

export function putPing(output: Output, flags: number, opaque: Uint8Array): void {
  const at = output.frame(8, FrameType.PING, flags, 0);
  output.chunk.set(opaque, at);
}

/** `reason` is for whoever reads a capture: ASCII, short, nothing of the peer's. */
export function putGoaway(output: Output, lastId: number, code: number, reason: string): void {
  const at = output.frame(8 + reason.length, FrameType.GOAWAY, 0, 0);
  const { chunk } = output;
  chunk.writeUInt32BE(lastId, at);
  chunk.writeUInt32BE(code, at + 4);
  chunk.write(reason, at + 8, reason.length, "latin1");
}

export function putSettingsAck(output: Output): void {
  output.frame(0, FrameType.SETTINGS, Flag.ACK, 0);
}

/** What we tell a peer of our limits; everything else is as HTTP/2 has it. */
export function putSettings(output: Output, limits: Limits, isServer: boolean): void {
  const settings: [number, number][] = [
    isServer ? [Setting.MAX_CONCURRENT_STREAMS, limits.streams] : [Setting.ENABLE_PUSH, 0],
    [Setting.INITIAL_WINDOW_SIZE, limits.streamWindow],
    [Setting.MAX_HEADER_LIST_SIZE, limits.headerBytes],
  ];
  const at = output.frame(settings.length * 6, FrameType.SETTINGS, 0, 0);
  const { chunk } = output;
  for (const [nth, [name, value]] of settings.entries()) {
    chunk.writeUInt16BE(name, at + nth * 6);
    chunk.writeUInt32BE(value, at + nth * 6 + 2);
  }
}

import { Flag, FrameType } from "../../src/http2/frames.ts";
import { block, frame, type RawPeer, settings, startRawServer } from "../http2/raw-peer.ts";
import { grpcFrame } from "../raw-http2.ts";

/** A service whose every byte a test decides. */
export interface DrivenService extends AsyncDisposable {
  readonly port: number;
  /** Requests that came whole, on all connections. */
  readonly requests: number;
  readonly connections: number;
}

/**
 * A listener that greets as HTTP/2 asks and calls `onRequest` when a request is whole: the `nth` of all connections,
 * from 0; `place`: its place on its connection, from 0.
 */
export async function startDriven(
  onRequest: (peer: RawPeer, id: number, nth: number, place: number) => void,
  onConnection: (peer: RawPeer, nth: number) => void = greet,
): Promise<DrivenService> {
  let requests = 0;
  let connections = 0;
  const server = await startRawServer((peer, nth) => {
    connections++;
    onConnection(peer, nth);
    void each(peer, (id, place) => onRequest(peer, id, requests++, place));
  });
  return {
    port: server.port,
    get requests() {
      return requests;
    },
    get connections() {
      return connections;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export function greet(peer: RawPeer): void {
  peer.send(settings(), frame(FrameType.SETTINGS, Flag.ACK, 0));
}

/** Ids of a client's requests are odd and rise. */
async function each(peer: RawPeer, onWhole: (id: number, place: number) => void): Promise<void> {
  try {
    for (let place = 0; ; place++) {
      const id = place * 2 + 1;
      await peer.until(
        (one) =>
          one.id === id &&
          (one.type === FrameType.HEADERS || one.type === FrameType.DATA) &&
          (one.flags & Flag.END_STREAM) !== 0,
      );
      onWhole(id, place);
    }
  } catch {
    // The connection ended.
  }
}

export function head(id: number, ends: boolean, ...fields: [string, string][]): Buffer {
  const flags = ends ? Flag.END_STREAM | Flag.END_HEADERS : Flag.END_HEADERS;
  return frame(FrameType.HEADERS, flags, id, block(...fields));
}

export const ok: [string, string][] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

/** A whole good answer. */
export function goodAnswer(id: number): Buffer {
  return Buffer.concat([
    head(id, false, ...ok),
    frame(FrameType.DATA, 0, id, grpcFrame("hello")),
    head(id, true, ["grpc-status", "0"]),
  ]);
}

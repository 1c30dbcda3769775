import type { Socket } from "node:net";
import type { Field, Head } from "./head.ts";
import type { Limits } from "./limits.ts";

/** A view that stays valid for as long as it is referenced: engines never reuse read buffers, and neither side writes into one. */
export type Bytes = Uint8Array;

/** RFC 9113 error code (section 7), or LOST. */
export type ErrorCode = number;
/** The connection went away under the exchange. */
export const LOST = -1;

/**
 * One side of one HTTP request and its answer, on one connection. No emitter, no promise, no closure: `own` is the
 * user's record. Knows no gRPC.
 */
export interface Exchange<T> {
  readonly id: number;
  readonly session: Session;
  own: T;
  /** Bytes accepted by data() that have not left for the socket. */
  readonly queued: number;
  /** 1xx (server), then the head, then trailers (end = true). HEADERS + END_STREAM stays one frame. No-op on a finished exchange. */
  head(head: Head, end: boolean): void;
  /** False: queued, wait for onDrain before more. Never throws on a finished exchange (answers true). */
  data(bytes: Bytes, end: boolean): boolean;
  /** Give receive credit back for n bytes of onData; a relay calls it when the other side took them. */
  release(bytes: number): void;
  /** Idempotent; no callback follows. */
  reset(code: ErrorCode): void;
}

/** One object per role, not per exchange. Each callback comes in wire order; onClose exactly once, after it nothing. */
export interface ExchangeHandler<T> {
  /** Server: a new exchange. Client: each 1xx (end = false), then the answer's head. */
  onHead(exchange: Exchange<T>, head: Head, end: boolean): void;
  /** Padding is credited by the engine; every byte here must be released. */
  onData(exchange: Exchange<T>, bytes: Bytes, end: boolean): void;
  onTrailers(exchange: Exchange<T>, trailers: Head): void;
  /** All that data() had queued has left: more may come. */
  onDrain(exchange: Exchange<T>): void;
  /** 0: both sides ended cleanly. Never called from inside a call of the exchange's own methods. */
  onClose(exchange: Exchange<T>, code: ErrorCode): void;
  /** One of the callbacks threw: its exchange ends with INTERNAL_ERROR, nothing else is touched. Default: nobody hears of it. */
  onError?(exchange: Exchange<T>, error: unknown): void;
}

/** One connection. */
export interface Session {
  readonly peer: { readonly address: string; readonly certificate?: Uint8Array };
  /** What carries it: HTTP/1.1 connections are sessions of one exchange at a time. */
  readonly protocol: "h2" | "http/1.1";
  /** Exchanges now. */
  readonly open: number;
  /** More that the peer allows now; 0 after GOAWAY. */
  readonly capacity: number;
  /** Client only; undefined: no capacity, ask the pool. */
  start<T>(head: Head, end: boolean, handler: ExchangeHandler<T>, own: T): Exchange<T> | undefined;
  /**
   * What it sent cost us so much more than its frames: that counts against its part of this turn (Limits.turnWork), in
   * small frames. Missing where turns are not shared out.
   */
  charge?(work: number): void;
  /** GOAWAY now, close when the last exchange ends. */
  drain(): void;
  destroy(code: ErrorCode): void;
}

export interface SessionHandler<T> extends ExchangeHandler<T> {
  onCapacity?(session: Session): void;
  onGoaway?(session: Session, unprocessed: readonly Exchange<T>[]): void;
  /** Exactly once, after the onClose of every exchange. */
  onEnd(session: Session, code: ErrorCode): void;
}

/** Made by the engine, so that the encoder can keep its bytes and table slot on the Field. `keep`: a value sent on many RPCs. */
export type MakeField = (
  name: string,
  value: string,
  options?: { readonly sensitive?: boolean; readonly keep?: boolean },
) => Field;

/** Sockets come and go above the engine: listeners, TLS, ALPN, pools. */
export interface Engine {
  readonly name: "callpath" | "node";
  readonly field: MakeField;
  /** `first`: bytes already read by whoever looked for the preface. */
  serve<T>(
    socket: Socket,
    first: Bytes | undefined,
    limits: Limits,
    handler: SessionHandler<T>,
  ): Session;
  connect<T>(socket: Socket, limits: Limits, handler: SessionHandler<T>): Session;
}

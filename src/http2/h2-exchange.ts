import type { Bytes, ErrorCode, Exchange, ExchangeHandler, Session } from "./exchange.ts";
import type { Head } from "./head.ts";
import type { SendQueue } from "./send-queue.ts";

/** What an exchange asks its connection to do. */
export interface Carrier extends Session {
  sendHead(exchange: H2Exchange, head: Head, end: boolean): void;
  sendData(exchange: H2Exchange, bytes: Bytes, end: boolean): boolean;
  release(exchange: H2Exchange, bytes: number): void;
  reset(exchange: H2Exchange, code: ErrorCode): void;
}

/** Bits of `H2Exchange.state`. */
export const State = {
  /** Server: the answer's head was sent. Client: it was received (no 1xx). */
  HEADED: 1,
  /** END_STREAM was sent, or waits behind the queue. */
  ENDING: 2,
  SENT_END: 4,
  RECEIVED_END: 8,
  /** No frame of it matters any more. */
  OVER: 16,
  /** The user has heard of the end, or has asked for it: no callback follows. */
  CLOSED: 32,
  /** The answer to HEAD has a length and no body. */
  HEAD_ONLY: 64,
  /** Server: the answer is whole, the request will be stopped at the end of the turn. */
  STOPPING: 128,
} as const;

/** The record of one stream. All that is done with it is done by its connection. */
export class H2Exchange<T = unknown> implements Exchange<T> {
  readonly id: number;
  readonly session: Carrier;
  readonly handler: ExchangeHandler<T>;
  own: T;
  state = 0;
  /** What we may still send; below zero when the peer made its windows smaller. */
  sendWindow: number;
  /** What the peer may still send. */
  receiveWindow: number;
  /** Released by the user, not told to the peer yet. */
  released = 0;
  /** Handed to the user and not released. */
  held = 0;
  /** Bytes of the body that content-length still announces; -1: it said nothing. */
  announced = -1;
  informational = 0;
  /** What onClose will say when the end of the turn comes. */
  closeCode: ErrorCode = 0;
  /** What does not leave yet. */
  queue: SendQueue | undefined = undefined;

  constructor(
    id: number,
    session: Carrier,
    handler: ExchangeHandler<T>,
    own: T,
    sendWindow: number,
    receiveWindow: number,
  ) {
    this.id = id;
    this.session = session;
    this.handler = handler;
    this.own = own;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  get queued(): number {
    return this.queue?.bytes ?? 0;
  }

  is(state: number): boolean {
    return (this.state & state) !== 0;
  }

  head(head: Head, end: boolean): void {
    this.session.sendHead(this as H2Exchange, head, end);
  }

  data(bytes: Bytes, end: boolean): boolean {
    return this.session.sendData(this as H2Exchange, bytes, end);
  }

  release(bytes: number): void {
    this.session.release(this as H2Exchange, bytes);
  }

  reset(code: ErrorCode): void {
    this.session.reset(this as H2Exchange, code);
  }
}

import type http2 from "node:http2";
import type { Socket } from "node:net";
import { ErrorCodes } from "./error-code.ts";
import {
  type ErrorCode,
  type Exchange,
  type ExchangeHandler,
  LOST,
  type Session,
  type SessionHandler,
} from "./exchange.ts";
import type { Head } from "./head.ts";
import type { Limits } from "./limits.ts";
import { NodeExchange, type NodeExchangeOwner } from "./node-exchange.ts";
import { mayNotPass, toHead, toHeaders } from "./node-heads.ts";

const LAST_STREAM_ID = 2 ** 31 - 1;
/** How long a peer may take to answer the PING after the first GOAWAY of a drain. */
const DRAIN_PING_MS = 100;

/** One connection of node:http2 as a Session. States: open, draining (no new exchanges), closed. */
export class NodeSession<H> implements NodeExchangeOwner {
  readonly protocol = "h2";
  readonly peer: Session["peer"];
  readonly limits: Limits;
  readonly #h2: http2.Http2Session;
  readonly #socket: Socket;
  readonly #handler: SessionHandler<H>;
  readonly #exchanges = new Set<NodeExchange<never>>();
  #ready = false;
  #draining = false;
  #ended = false;
  #socketGone = false;
  #code: ErrorCode = ErrorCodes.NO_ERROR;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor(
    h2: http2.Http2Session,
    socket: Socket,
    limits: Limits,
    handler: SessionHandler<H>,
    isServer: boolean,
  ) {
    this.#h2 = h2;
    this.#socket = socket;
    this.#handler = handler;
    this.limits = limits;
    this.peer = { address: socket.remoteAddress ?? "" };
    // node:http2 reports here what "close" says too.
    h2.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ERR_HTTP2_SESSION_ERROR") this.#code = ErrorCodes.PROTOCOL_ERROR;
    });
    socket.once("close", () => {
      this.#socketGone = true;
    });
    // On a half-open socket node:http2 waits for ever, and does not notice that nobody is there: to it, half closed is gone.
    socket.once("end", () => socket.destroy());
    h2.once("close", () => this.#end());
    h2.on("goaway", (code) => {
      this.#draining = true;
      if (code !== ErrorCodes.NO_ERROR) this.#code = code;
      handler.onGoaway?.(this, []);
    });
    h2.on("remoteSettings", () => {
      this.#ready = true;
      handler.onCapacity?.(this);
    });
    if (isServer) {
      h2.on("stream", (stream, _headers, flags, rawHeaders) => {
        this.#accept(stream as http2.ServerHttp2Stream, flags, rawHeaders);
      });
    }
  }

  get open(): number {
    return this.#exchanges.size;
  }

  get capacity(): number {
    if (this.#draining || !this.#ready || this.#h2.destroyed || this.#h2.closed) return 0;
    const most = this.#h2.remoteSettings?.maxConcurrentStreams ?? this.limits.streams;
    return Math.max(0, most - this.#exchanges.size);
  }

  get socketGone(): boolean {
    return this.#socketGone || this.#socket.destroyed;
  }

  start<T>(head: Head, end: boolean, handler: ExchangeHandler<T>, own: T): Exchange<T> | undefined {
    if (this.capacity === 0) return undefined;
    const h2 = this.#h2 as http2.ClientHttp2Session;
    let stream: http2.ClientHttp2Stream;
    try {
      stream = h2.request(toHeaders(head), { endStream: end, waitForTrailers: !end });
    } catch (error) {
      // No header may look like that. There is a session, and there will be no stream.
      return new StillbornExchange(this, handler, own, error);
    }
    const exchange = new NodeExchange<T>(stream, this, own, handler, false, end);
    this.#add(exchange);
    stream.on("headers", (_headers, _flags, rawHeaders) => {
      exchange.onAnswerHead(toHead(rawHeaders), false, true);
    });
    stream.on("response", (_headers, flags, rawHeaders) => {
      exchange.onAnswerHead(toHead(rawHeaders), (flags & 1) !== 0, false);
    });
    return exchange;
  }

  drain(): void {
    if (this.#draining || this.#h2.destroyed) return;
    this.#draining = true;
    const finish = () => {
      clearTimeout(this.#drainTimer);
      if (!this.#h2.destroyed) this.#h2.close();
    };
    this.#drainTimer = setTimeout(finish, DRAIN_PING_MS).unref();
    try {
      this.#h2.goaway(ErrorCodes.NO_ERROR, LAST_STREAM_ID);
      if (!this.#h2.ping(finish)) finish();
    } catch {
      finish();
    }
  }

  destroy(code: ErrorCode): void {
    this.#code = code;
    this.#h2.destroy(undefined, code === LOST ? ErrorCodes.NO_ERROR : code);
  }

  remove(exchange: NodeExchange<never>): void {
    this.#exchanges.delete(exchange);
    if (!this.#ended) this.#handler.onCapacity?.(this);
  }

  #add<T>(exchange: NodeExchange<T>): void {
    this.#exchanges.add(exchange as unknown as NodeExchange<never>);
  }

  #accept(stream: http2.ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    const head = toHead(raw);
    stream.on("error", () => {});
    if (mayNotPass(head, this.limits)) {
      stream.close(ErrorCodes.INTERNAL_ERROR);
      return;
    }
    const ended = (flags & 1) !== 0;
    const exchange = new NodeExchange<H>(stream, this, undefined as H, this.#handler, true, ended);
    this.#add(exchange);
    exchange.onRequestHead(head, ended);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#drainTimer);
    // Its streams may report their end only after the session's: the contract says before.
    for (const exchange of [...this.#exchanges]) {
      exchange.conclude(this.socketGone || this.#code === 0 ? LOST : this.#code);
    }
    this.#handler.onEnd(this, this.#code);
  }
}

/** An exchange that node:http2 would not begin: its user hears of it after the call of `start`. */
class StillbornExchange<T> implements Exchange<T> {
  readonly id = 0;
  readonly queued = 0;
  readonly session: Session;
  own: T;
  #isOver = false;

  constructor(session: Session, handler: ExchangeHandler<T>, own: T, error: unknown) {
    this.session = session;
    this.own = own;
    setImmediate(() => {
      if (this.#isOver) return;
      this.#isOver = true;
      handler.onError?.(this, error);
      handler.onClose(this, ErrorCodes.INTERNAL_ERROR);
    });
  }

  head(): void {}

  data(): boolean {
    return true;
  }

  release(): void {}

  reset(): void {
    this.#isOver = true;
  }
}

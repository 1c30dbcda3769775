import type http2 from "node:http2";
import { ErrorCodes } from "./error-code.ts";
import {
  type Bytes,
  type ErrorCode,
  type Exchange,
  type ExchangeHandler,
  LOST,
  type Session,
} from "./exchange.ts";
import { firstValue, type Head } from "./head.ts";
import type { Limits } from "./limits.ts";
import { mayNotPass, toHead, toHeaders } from "./node-heads.ts";

const NOTHING = new Uint8Array(0);

/** What an exchange needs of its session. */
export interface NodeExchangeOwner extends Session {
  readonly limits: Limits;
  readonly socketGone: boolean;
  remove(exchange: NodeExchange<never>): void;
}

/** One stream of node:http2 as an Exchange. */
export class NodeExchange<T> implements Exchange<T> {
  own: T;
  readonly session: NodeExchangeOwner;
  readonly #stream: http2.Http2Stream;
  readonly #handler: ExchangeHandler<T>;
  readonly #isServer: boolean;
  readonly #window: number;
  #trailers: Head | undefined;
  #received: Head | undefined;
  #headed = false;
  #sentEnd = false;
  #receivedEnd: boolean;
  #held = 0;
  #over = false;

  constructor(
    stream: http2.Http2Stream,
    session: NodeExchangeOwner,
    own: T,
    handler: ExchangeHandler<T>,
    isServer: boolean,
    requestEnded: boolean,
  ) {
    this.#stream = stream;
    this.session = session;
    this.own = own;
    this.#handler = handler;
    this.#isServer = isServer;
    this.#window = session.limits.streamWindow;
    this.#receivedEnd = isServer && requestEnded;
    this.#sentEnd = !isServer && requestEnded;
    stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    stream.on("trailers", (_headers, _flags, raw?: string[]) => {
      this.#received = toHead(raw ?? []);
    });
    // Trailers are reported one turn after their frame, the end of the body perhaps before.
    stream.on("end", () => setImmediate(() => this.#onEnd()));
    stream.on("drain", () => this.#call(() => this.#handler.onDrain(this)));
    stream.on("wantTrailers", () => this.#sendTrailers());
    stream.on("error", () => {});
    stream.on("close", () => setImmediate(() => this.#onStreamClose()));
  }

  get id(): number {
    return this.#stream.id ?? 0;
  }

  get queued(): number {
    return this.#stream.writableLength;
  }

  onRequestHead(head: Head, end: boolean): void {
    this.#call(() => this.#handler.onHead(this, head, end));
  }

  onAnswerHead(head: Head, end: boolean, informational: boolean): void {
    const status = firstValue(head, ":status") ?? "";
    // node:http2 takes any number.
    if (!/^[1-5]\d\d$/.test(status)) {
      this.#fail(ErrorCodes.PROTOCOL_ERROR);
      return;
    }
    if (!informational) this.#headed = true;
    if (end) this.#receivedEnd = true;
    this.#call(() => this.#handler.onHead(this, head, end));
  }

  head(head: Head, end: boolean): void {
    if (this.#over || this.#sentEnd || this.#stream.destroyed) return;
    try {
      if (this.#isServer && !this.#headed) this.#answer(head, end);
      else {
        this.#trailers = head;
        this.#sentEnd = true;
        this.#stream.end();
      }
    } catch {
      // node:http2 throws on heads it thinks invalid.
      this.#fail(ErrorCodes.INTERNAL_ERROR);
    }
  }

  data(bytes: Bytes, end: boolean): boolean {
    if (this.#over || this.#sentEnd || this.#stream.destroyed) return true;
    if (!end) return bytes.length === 0 || this.#stream.write(bytes);
    this.#sentEnd = true;
    if (bytes.length > 0) this.#stream.end(bytes);
    else this.#stream.end();
    return true;
  }

  release(bytes: number): void {
    this.#held -= bytes;
    if (this.#held <= this.#window / 2 && this.#stream.isPaused()) this.#stream.resume();
  }

  reset(code: ErrorCode): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.close(Math.max(code, 0));
    // What is still in the stream's buffer must flow off, or it never closes.
    this.#stream.resume();
    this.session.remove(this as unknown as NodeExchange<never>);
  }

  /** Ends it for the user, once. */
  conclude(code: ErrorCode): void {
    if (this.#over) return;
    this.#over = true;
    this.session.remove(this as unknown as NodeExchange<never>);
    try {
      this.#handler.onClose(this, code);
    } catch (error) {
      this.#handler.onError?.(this, error);
    }
  }

  #answer(head: Head, end: boolean): void {
    const stream = this.#stream as http2.ServerHttp2Stream;
    if (head[0]?.name === ":status" && head[0].value.startsWith("1")) {
      stream.additionalHeaders(toHeaders(head));
      return;
    }
    this.#headed = true;
    this.#sentEnd = end;
    // sendDate is not in node's types: an answer has the date that whoever made it gave it.
    const options = { endStream: end, waitForTrailers: !end, sendDate: false };
    stream.respond(toHeaders(head), options);
    if (end) this.#stopRequest();
  }

  #sendTrailers(): void {
    try {
      this.#stream.sendTrailers(toHeaders(this.#trailers ?? []));
    } catch {
      this.#fail(ErrorCodes.INTERNAL_ERROR);
      return;
    }
    this.#stopRequest();
  }

  /** After the answer's end nobody needs the rest of the request. */
  #stopRequest(): void {
    if (!this.#isServer || this.#receivedEnd) return;
    const stream = this.#stream;
    // In the same turn nghttp2 would send the reset in the place of the answer.
    const stop = () =>
      setImmediate(() => {
        if (!stream.destroyed && !this.#receivedEnd) stream.close(ErrorCodes.NO_ERROR);
        stream.resume();
      });
    if (stream.writableFinished) stop();
    else stream.once("finish", stop);
  }

  #onData(chunk: Buffer): void {
    if (this.#over) return;
    this.#held += chunk.length;
    if (this.#held >= this.#window) this.#stream.pause();
    this.#call(() => this.#handler.onData(this, chunk, false));
  }

  #onEnd(): void {
    if (this.#over || this.#receivedEnd) return;
    // A reset ends the readable side too; it is no end of the body, nor is one with NO_ERROR before the answer's head. With
    // trailers the answer was whole before a NO_ERROR that says only that the rest of the request is not wanted.
    const { rstCode, aborted } = this.#stream;
    if (rstCode !== 0 || (aborted && this.#received === undefined)) return;
    if (!this.#isServer && !this.#headed) return;
    this.#receivedEnd = true;
    const trailers = this.#received;
    if (this.#isServer && mayNotPass(trailers, this.session.limits)) {
      this.#fail(ErrorCodes.INTERNAL_ERROR);
      return;
    }
    this.#call(() => {
      if (trailers !== undefined) this.#handler.onTrailers(this, trailers);
      else this.#handler.onData(this, NOTHING, true);
    });
  }

  #onStreamClose(): void {
    if (this.#over) return;
    const code = this.#stream.rstCode ?? 0;
    // The client's request may be stopped by NO_ERROR once the answer is whole; the server's answer may not.
    const clean = this.#sentEnd && code === 0 && (this.#receivedEnd || this.#isServer);
    const answered = !this.#isServer && this.#receivedEnd && code === 0;
    this.conclude(closeCode(code, clean || answered, this.session.socketGone));
  }

  #call(callback: () => void): void {
    if (this.#over) return;
    try {
      callback();
    } catch (error) {
      this.#handler.onError?.(this, error);
      this.#fail(ErrorCodes.INTERNAL_ERROR);
    }
  }

  #fail(code: ErrorCode): void {
    if (this.#over) return;
    this.#stream.close(code);
    this.#stream.resume();
    setImmediate(() => this.conclude(code));
  }
}

/** How a stream of node:http2 ended: its own code, or the connection's end under it. */
export function closeCode(rstCode: number, clean: boolean, socketGone: boolean): number {
  if (clean) return ErrorCodes.NO_ERROR;
  if (socketGone) return LOST;
  // NO_ERROR on an exchange that was not over: no clean end (a reset never becomes one).
  return rstCode === ErrorCodes.NO_ERROR ? ErrorCodes.INTERNAL_ERROR : rstCode;
}

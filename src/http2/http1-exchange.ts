import type { IncomingMessage, ServerResponse } from "node:http";
import { ErrorCodes } from "./error-code.ts";
import type { Bytes, ErrorCode, Exchange, ExchangeHandler, Session } from "./exchange.ts";
import { firstValue, type Head } from "./head.ts";
import { requestTrailers } from "./http1-request.ts";
import type { Limits } from "./limits.ts";

const NOTHING = new Uint8Array(0);
/** How long the rest of a request may take whose answer is over, milliseconds. */
const LINGER_MS = 1000;
/** Never in an answer of HTTP/1.1 on behalf of somebody else: they are about the connection. */
const CONNECTION_SPECIFIC = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

export interface Http1ExchangeOptions<T> {
  readonly id: number;
  readonly session: Session;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly handler: ExchangeHandler<T>;
  readonly limits: Limits;
  /** Once, when the connection may take the next request (true) or is of no more use (false). */
  readonly onOver: (isReusable: boolean) => void;
}

/** One request of node:http and its answer as an Exchange. */
export class Http1Exchange<T> implements Exchange<T> {
  readonly id: number;
  readonly session: Session;
  own: T = undefined as T;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #handler: ExchangeHandler<T>;
  readonly #limits: Limits;
  readonly #onOver: (isReusable: boolean) => void;
  #held = 0;
  #requestEnded = false;
  #sentEnd = false;
  /** The user has heard of the end. */
  #concluded = false;
  #lingering: NodeJS.Timeout | undefined;
  #discarded = 0;

  constructor(options: Http1ExchangeOptions<T>) {
    this.id = options.id;
    this.session = options.session;
    this.#request = options.request;
    this.#response = options.response;
    this.#handler = options.handler;
    this.#limits = options.limits;
    this.#onOver = options.onOver;
  }

  get queued(): number {
    return this.#response.writableLength;
  }

  /** Hands the request to the user. */
  begin(head: Head): void {
    const request = this.#request;
    const response = this.#response;
    response.sendDate = false;
    response.on("drain", () => this.#call(() => this.#handler.onDrain(this)));
    response.on("finish", () => this.#onFinish());
    response.on("error", () => {});
    request.on("error", () => {});
    request.on("data", (chunk: Buffer) => this.#onData(chunk));
    request.on("end", () => this.#onRequestEnd());
    const length = firstValue(head, "content-length");
    const hasBody =
      request.headers["transfer-encoding"] !== undefined ||
      (length !== undefined && length !== "0");
    this.#requestEnded = !hasBody;
    this.#call(() => this.#handler.onHead(this, head, !hasBody));
  }

  /** The connection closes after this answer. */
  announceClose(): void {
    if (!this.#response.headersSent) this.#response.shouldKeepAlive = false;
  }

  head(head: Head, end: boolean): void {
    if (this.#concluded || this.#sentEnd) return;
    try {
      if (this.#response.headersSent) this.#trailers(head);
      else this.#answer(head, end);
    } catch {
      // node:http throws on names and values that no answer may hold.
      this.#fail();
    }
  }

  data(bytes: Bytes, end: boolean): boolean {
    if (this.#concluded || this.#sentEnd || !this.#response.headersSent) return true;
    if (!end) return bytes.length === 0 || this.#response.write(bytes);
    this.#sentEnd = true;
    if (bytes.length > 0) this.#response.end(bytes);
    else this.#response.end();
    return true;
  }

  release(bytes: number): void {
    this.#held -= bytes;
    if (this.#held <= this.#limits.streamWindow / 2 && this.#request.isPaused()) {
      this.#request.resume();
    }
  }

  reset(_code: ErrorCode): void {
    if (this.#concluded) return;
    this.#concluded = true;
    this.#response.destroy();
    this.#request.socket.destroy();
  }

  /** Ends it for the user, once. */
  conclude(code: ErrorCode): void {
    clearTimeout(this.#lingering);
    if (this.#concluded) return;
    this.#concluded = true;
    try {
      this.#handler.onClose(this, code);
    } catch (error) {
      this.#handler.onError?.(this, error);
    }
  }

  #answer(head: Head, end: boolean): void {
    const status = Number(head[0]?.value);
    if (status < 200) {
      if (status === 103) this.#response.writeEarlyHints({ link: allValues(head, "link") });
      else if (status === 102) this.#response.writeProcessing();
      return; // 100 was node:http's to say
    }
    const flat: string[] = [];
    let hasLength = false;
    for (const { name, value } of head) {
      if (name.startsWith(":") || CONNECTION_SPECIFIC.has(name)) continue;
      if (name === "content-length") hasLength = true;
      flat.push(name, value);
    }
    // ER-5: an answer that is only a head has a length, or HTTP/1.1 would make chunks of it.
    const mayHaveLength = status !== 204 && status !== 304 && this.#request.method !== "HEAD";
    if (end && !hasLength && mayHaveLength) flat.push("content-length", "0");
    this.#response.writeHead(status, flat);
    if (!end) {
      this.#response.flushHeaders();
      return;
    }
    this.#sentEnd = true;
    this.#response.end();
  }

  #trailers(head: Head): void {
    this.#sentEnd = true;
    this.#response.addTrailers(head.map(({ name, value }): [string, string] => [name, value]));
    this.#response.end();
  }

  #onData(chunk: Buffer): void {
    if (this.#concluded) {
      this.#discarded += chunk.length;
      if (this.#discarded > this.#limits.lingerBytes) this.#request.socket.destroy();
      return;
    }
    this.#held += chunk.length;
    if (this.#held >= this.#limits.streamWindow) this.#request.pause();
    this.#call(() => this.#handler.onData(this, chunk, false));
  }

  #onRequestEnd(): void {
    if (this.#lingering !== undefined) {
      clearTimeout(this.#lingering);
      this.#onOver(this.#response.shouldKeepAlive);
      return;
    }
    if (this.#requestEnded) return;
    this.#requestEnded = true;
    const trailers = requestTrailers(this.#request, this.#limits);
    if (trailers === undefined) this.#fail();
    else if (trailers.length > 0) this.#call(() => this.#handler.onTrailers(this, trailers));
    else this.#call(() => this.#handler.onData(this, NOTHING, true));
  }

  #onFinish(): void {
    const isWhole = this.#requestEnded;
    this.conclude(ErrorCodes.NO_ERROR);
    if (isWhole) {
      this.#onOver(this.#response.shouldKeepAlive);
      return;
    }
    this.#lingering = setTimeout(() => this.#request.socket.destroy(), LINGER_MS).unref();
    this.#request.resume();
  }

  #call(callback: () => void): void {
    if (this.#concluded) return;
    try {
      callback();
    } catch (error) {
      this.#handler.onError?.(this, error);
      this.#fail();
    }
  }

  #fail(): void {
    if (this.#concluded) return;
    // HTTP/1.1 has no reset of one exchange: the connection goes, and says by that that the answer is not whole.
    setImmediate(() => {
      this.conclude(ErrorCodes.INTERNAL_ERROR);
      this.#request.socket.destroy();
    });
  }
}

function allValues(head: Head, name: string): string[] {
  return head.filter((field) => field.name === name).map((field) => field.value);
}

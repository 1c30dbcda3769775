import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ErrorCodes } from "./error-code.ts";
import {
  type ErrorCode,
  type Exchange,
  LOST,
  type Session,
  type SessionHandler,
} from "./exchange.ts";
import { Http1Exchange } from "./http1-exchange.ts";
import { requestHead } from "./http1-request.ts";
import type { Limits } from "./limits.ts";
import type { TimerWheel, WheelTask } from "./timer-wheel.ts";

/** How long a connection that is over may take to hear of it. */
const LINGER_MS = 1000;

const REQUEST_LINE = /^[^\r\n]* HTTP\/[0-9][.][0-9]\r?\n/;

/**
 * One HTTP/1.1 connection of a server. States: idle (waiting for a head), answering (one exchange; requests sent
 * ahead wait), closing (lingers until the client closes or a second is over).
 */
export class Http1Session<T> implements Session, WheelTask {
  readonly protocol = "http/1.1";
  readonly peer: Session["peer"];
  readonly capacity = 0;
  wheelNext: WheelTask | undefined;
  wheelPrevious: WheelTask | undefined;
  wheelTick = -1;
  readonly #socket: Socket;
  readonly #limits: Limits;
  readonly #handler: SessionHandler<T>;
  readonly #wheel: TimerWheel;
  readonly #scheme: "http" | "https";
  readonly #ahead: [IncomingMessage, ServerResponse][] = [];
  #exchange: Http1Exchange<T> | undefined;
  #exchanges = 0;
  #draining = false;
  #closing = false;
  #code: ErrorCode = ErrorCodes.NO_ERROR;
  /** While idle: when it began, what had been read then, and whether a head had begun at the last look. */
  #idleFromMs: number;
  #idleFromByte = 0;
  #headBegun = true;

  constructor(
    socket: Socket,
    limits: Limits,
    handler: SessionHandler<T>,
    wheel: TimerWheel,
    scheme: "http" | "https",
  ) {
    this.#socket = socket;
    this.#limits = limits;
    this.#handler = handler;
    this.#wheel = wheel;
    this.#scheme = scheme;
    this.#idleFromMs = wheel.nowMs;
    this.peer = { address: socket.remoteAddress ?? "" };
    socket.once("close", () => this.#onSocketClose());
    wheel.arm(this, limits.headerMs);
  }

  get open(): number {
    return this.#exchange === undefined ? 0 : 1;
  }

  start<S>(): Exchange<S> | undefined {
    return undefined;
  }

  drain(): void {
    this.#draining = true;
    if (this.#exchange === undefined) this.#close();
    else this.#exchange.announceClose();
  }

  destroy(code: ErrorCode): void {
    this.#code = code;
    this.#socket.destroy();
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (this.#closing) return;
    if (this.#exchange !== undefined) {
      this.#ahead.push([request, response]);
      if (this.#ahead.length > this.#limits.pipelined) this.#socket.destroy();
      return;
    }
    this.#wheel.cancel(this);
    const head = requestHead(request, this.#scheme, this.#limits);
    if (!Array.isArray(head)) {
      const fault = head as Exclude<typeof head, readonly unknown[]>;
      this.refuse(fault.status, fault.message);
      return;
    }
    this.#exchanges += 2;
    const exchange = new Http1Exchange<T>({
      id: this.#exchanges - 1,
      session: this,
      request,
      response,
      handler: this.#handler,
      limits: this.#limits,
      onOver: (isReusable) => this.#onExchangeOver(isReusable),
    });
    this.#exchange = exchange;
    if (this.#draining) exchange.announceClose();
    exchange.begin(head);
  }

  /** node:http could not parse what came. */
  onBadRequest(error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer }): void {
    const isHttp =
      error.rawPacket === undefined || REQUEST_LINE.test(error.rawPacket.toString("latin1"));
    // What is not HTTP at all would not understand the answer.
    if (this.#exchange !== undefined || (this.#exchanges === 0 && !isHttp)) this.#socket.destroy();
    else if (error.code === "HPE_HEADER_OVERFLOW") {
      this.refuse(431, "Request Header Fields Too Large");
    } else if (error.code?.startsWith("HPE_") === true) this.refuse(400, "Bad Request");
    else this.#socket.destroy();
  }

  /** Answers in the form of ER-1 without an exchange, and closes. */
  refuse(status: number, message: string): void {
    if (this.#closing || this.#socket.destroyed) return;
    const body = `${JSON.stringify({ code: status, message })}\n`;
    this.#socket.write(
      `HTTP/1.1 ${status} ${message}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
    this.#close();
  }

  onTimer(): void {
    if (this.#closing) {
      this.#socket.destroy();
      return;
    }
    const hasRead = this.#socket.bytesRead > this.#idleFromByte;
    if (hasRead && this.#headBegun) {
      this.refuse(408, "Request Timeout");
      return;
    }
    this.#headBegun = hasRead;
    if (!hasRead && this.#wheel.nowMs - this.#idleFromMs >= this.#limits.idleMs) this.#close();
    else this.#wheel.arm(this, this.#limits.headerMs);
  }

  #onExchangeOver(isReusable: boolean): void {
    this.#exchange = undefined;
    if (this.#draining || !isReusable) {
      this.#close();
      return;
    }
    const [request, response] = this.#ahead.shift() ?? [];
    if (request !== undefined && response !== undefined) {
      this.onRequest(request, response);
      return;
    }
    this.#idleFromMs = this.#wheel.nowMs;
    this.#idleFromByte = this.#socket.bytesRead;
    this.#headBegun = false;
    this.#wheel.arm(this, Math.min(this.#limits.headerMs, this.#limits.idleMs));
  }

  /** A reset of the connection would take the last answer with it: the client gets a moment to read it. */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.end();
    this.#socket.resume();
    this.#wheel.arm(this, LINGER_MS);
  }

  #onSocketClose(): void {
    this.#closing = true;
    this.#wheel.cancel(this);
    this.#ahead.length = 0;
    this.#exchange?.conclude(LOST);
    this.#exchange = undefined;
    this.#handler.onEnd(this, this.#code);
  }
}

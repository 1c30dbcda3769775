import http from "node:http";
import type { Socket } from "node:net";
import type { Bytes, SessionHandler } from "./exchange.ts";
import { Http1Session } from "./http1-session.ts";
import type { Limits } from "./limits.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** HTTP/1.1 connections, parsed by node:http, as sessions of one exchange at a time. */
export class Http1Sessions<T> implements Disposable {
  readonly #sessions = new WeakMap<Socket, Http1Session<T>>();
  readonly #server: http.Server;
  readonly #limits: Limits;
  readonly #handler: SessionHandler<T>;
  readonly #wheel: TimerWheel;
  readonly #scheme: "http" | "https";

  constructor(limits: Limits, handler: SessionHandler<T>, wheel: TimerWheel, isTls: boolean) {
    this.#limits = limits;
    this.#handler = handler;
    this.#wheel = wheel;
    this.#scheme = isTls ? "https" : "http";
    // It never listens: sockets are handed to it. Its own timers are off, the wheel has them.
    this.#server = http.createServer({
      maxHeaderSize: limits.headerBytes,
      keepAliveTimeout: 0,
      requireHostHeader: false,
      noDelay: true,
    });
    // node:http would drop what is above its own limit without a word; the session counts and refuses.
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = 0;
    this.#server.on("request", (request, response) => {
      this.#sessions.get(request.socket)?.onRequest(request, response);
    });
    this.#server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      const session = this.#sessions.get(socket as Socket);
      if (session === undefined) socket.destroy();
      else session.onBadRequest(error);
    });
    // A tunnel is nothing a gateway of RPCs opens.
    this.#server.on("connect", (_request, socket) => {
      this.#sessions.get(socket as Socket)?.refuse(405, "Method Not Allowed");
    });
  }

  /** `first`: bytes already read by whoever looked for the preface. */
  serve(socket: Socket, first: Bytes | undefined): Http1Session<T> {
    const session = new Http1Session(
      socket,
      this.#limits,
      this.#handler,
      this.#wheel,
      this.#scheme,
    );
    this.#sessions.set(socket, session);
    if (first !== undefined) socket.unshift(first);
    this.#server.emit("connection", socket);
    socket.resume();
    return session;
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }
}

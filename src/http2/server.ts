import net from "node:net";
import tls from "node:tls";
import { type ConnectionSource, listen, takeFrom } from "./accepting.ts";
import { openDoor } from "./door.ts";
import { type Bytes, type Engine, LOST, type Session, type SessionHandler } from "./exchange.ts";
import { Http1Sessions } from "./http1-sessions.ts";
import type { Limits } from "./limits.ts";
import { TimerWheel } from "./timer-wheel.ts";

export interface HttpServerOptions<T> {
  /** Where to listen, e.g. 127.0.0.1. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Where connections come from instead of a listener; host and port say then only where they were accepted. */
  readonly connections?: ConnectionSource;
  /** What serves HTTP/2; HTTP/1.1 is node:http's. */
  readonly engine: Engine;
  readonly limits: Limits;
  /** PEM. ALPN offers h2 and http/1.1. Without: the first bytes decide between h2c and HTTP/1.1. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly handler: SessionHandler<T>;
  /** How long exchanges may take to finish when the server is disposed, milliseconds. */
  readonly drainMs: number;
}

/**
 * Listens. Disposing: stop accepting, GOAWAY (2^31-1, then the last id served), finish exchanges for up to `drainMs`,
 * then close: to gRPC clients a call whose connection ended is UNAVAILABLE, one that was reset with CANCEL is cancelled.
 */
export interface HttpServer extends AsyncDisposable {
  /** http or https, with the port it has, e.g. http://127.0.0.1:43121. */
  readonly url: URL;
  readonly port: number;
  /** Connections now, also those that have not said yet which protocol they speak. */
  readonly connections: number;
}

/** How long RST_STREAM and GOAWAY may take to leave when a drain is over. */
const LAST_WORDS_MS = 200;

/** Serve HTTP/2 and HTTP/1.1 on one port as the same exchanges. Rejects when the address cannot be listened on. */
export async function startHttpServer<T>(options: HttpServerOptions<T>): Promise<HttpServer> {
  const { host, limits, engine, handler } = options;
  const wheel = new TimerWheel();
  const http1 = new Http1Sessions(limits, handler, wheel, options.tls !== undefined);
  const sockets = new Map<net.Socket, Session | undefined>();
  let draining = false;

  const serve = (socket: net.Socket, protocol: "h2" | "http/1.1", first: Bytes | undefined) => {
    const session =
      protocol === "h2" ? engine.serve(socket, first, limits, handler) : http1.serve(socket, first);
    sockets.set(socket, session);
    if (draining) session.drain();
  };
  /** TLS: connections whose handshake is not done, by the peer's address: node:tls hands over another object then. */
  const shakingHands = new Map<string, net.Socket>();
  const mayBeMore = (socket: net.Socket) => {
    if (sockets.size + shakingHands.size < limits.connections) return true;
    socket.destroy();
    return false;
  };
  const accept = (socket: net.Socket) => {
    shakingHands.delete(peerOf(socket));
    if (!mayBeMore(socket)) return;
    sockets.set(socket, undefined);
    socket.once("close", () => sockets.delete(socket));
    openDoor(socket, wheel, limits.prefaceMs, (protocol, first) => serve(socket, protocol, first));
  };
  // A client that closes its half still waits for answers: half-open is allowed, the sessions close what is done.
  const socketOptions = { allowHalfOpen: true, noDelay: true };
  const server =
    options.tls === undefined
      ? net.createServer(socketOptions, accept)
      : tls.createServer(
          {
            ...socketOptions,
            ...options.tls,
            ALPNProtocols: ["h2", "http/1.1"],
            handshakeTimeout: limits.prefaceMs,
          },
          accept,
        );
  if (options.tls !== undefined) {
    server.on("connection", (socket: net.Socket) => {
      if (!mayBeMore(socket)) return;
      const peer = peerOf(socket);
      shakingHands.set(peer, socket);
      socket.once("close", () => {
        if (shakingHands.get(peer) === socket) shakingHands.delete(peer);
      });
    });
  }
  // A handshake that fails or takes too long: node:tls only tells.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  const accepting =
    options.connections === undefined
      ? await listen(server, options.port, host)
      : takeFrom(options.connections, server, options.port);
  const { port } = accepting;
  const name = host.includes(":") ? `[${host}]` : host;

  let closing: Promise<void> | undefined;
  const close = async () => {
    draining = true;
    const closed = accepting.stop();
    for (const socket of shakingHands.values()) socket.destroy();
    for (const [socket, session] of sockets) {
      if (session === undefined) socket.destroy();
      else session.drain();
    }
    let lastWords: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      for (const [socket, session] of sockets) {
        session?.destroy(LOST);
        if (session === undefined) socket.destroy();
      }
      // A peer that closed its half, or reads nothing, would keep the socket for ever.
      lastWords = setTimeout(() => {
        for (const socket of sockets.keys()) socket.destroy();
      }, LAST_WORDS_MS);
    }, options.drainMs);
    await closed;
    clearTimeout(timer);
    clearTimeout(lastWords);
    http1[Symbol.dispose]();
    wheel[Symbol.dispose]();
  };
  return {
    url: new URL(`${options.tls === undefined ? "http" : "https"}://${name}:${port}`),
    port,
    get connections() {
      return sockets.size + shakingHands.size;
    },
    [Symbol.asyncDispose]: () => {
      closing ??= close();
      return closing;
    },
  };
}

function peerOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

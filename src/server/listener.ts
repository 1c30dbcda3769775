import { once } from "node:events";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** More are closed at once. Against: connection floods. */
  readonly maxConnections: number;
  readonly onHttp2: (socket: Socket) => void;
  readonly onHttp1: (socket: Socket) => void;
}

/** How long a new connection may take to show what it speaks. Against: connections that say nothing. */
const FIRST_BYTES_MS = 10_000;
/** A peer that vanished without a word is noticed within minutes. */
const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const;
/** HTTP/2's preface begins so, and no HTTP/1.1 request does. RFC 9113, 3.4 */
const PREFACE_START = "PRI ";

/** One port for HTTP/2 and HTTP/1.1: ALPN says which with TLS, the first bytes without. */
export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that have not shown what they speak, by the peer's address: TLS wraps them in other objects. */
  readonly #undecided = new Map<string, Socket>();

  private constructor(options: ListenerOptions) {
    const { tls } = options;
    const decided = (socket: Socket, isHttp2: boolean): void => {
      this.#undecided.delete(peerOf(socket));
      (isHttp2 ? options.onHttp2 : options.onHttp1)(socket);
    };
    const byAlpn = (socket: TLSSocket): void => decided(socket, socket.alpnProtocol === "h2");
    this.#server =
      tls === undefined
        ? createTcpServer({ ...socketOptions }, (socket) => byFirstBytes(socket, decided))
        : createTlsServer(
            {
              ...tls,
              ...socketOptions,
              ALPNProtocols: ["h2", "http/1.1"],
              handshakeTimeout: FIRST_BYTES_MS,
            },
            byAlpn,
          );
    this.#server.maxConnections = options.maxConnections;
    this.#server.on("connection", (socket) => {
      const peer = peerOf(socket);
      this.#sockets.add(socket);
      this.#undecided.set(peer, socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => {
        this.#sockets.delete(socket);
        if (this.#undecided.get(peer) === socket) this.#undecided.delete(peer);
      });
    });
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    listener.#server.listen(options.port, options.host);
    await once(listener.#server, "listening");
    listener.#server.on("error", () => {}); // an accept that failed for want of descriptors: the next may not
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Accept no more, close what has not said anything; resolves when every connection is closed. */
  close(): Promise<void> {
    for (const socket of this.#undecided.values()) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function byFirstBytes(socket: Socket, decided: (socket: Socket, isHttp2: boolean) => void): void {
  const giveUp = setTimeout(() => socket.destroy(), FIRST_BYTES_MS);
  const stop = (): void => {
    clearTimeout(giveUp);
    socket.off("readable", look);
    socket.off("close", stop);
  };
  let first: Buffer = Buffer.alloc(0);
  const look = (): void => {
    const more: Buffer | null = socket.read();
    if (more === null) return;
    first = Buffer.concat([first, more]);
    const start = first.toString("latin1", 0, PREFACE_START.length);
    if (start.length < PREFACE_START.length && PREFACE_START.startsWith(start)) return;
    stop();
    // Only now: while `look` listens, what is put back makes it look again.
    socket.unshift(first);
    decided(socket, start === PREFACE_START);
  };
  socket.on("readable", look);
  socket.once("close", stop);
}

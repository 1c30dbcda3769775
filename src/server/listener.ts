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
/** HTTP/2's preface begins so, and no HTTP/1.1 request does. RFC 9113, 3.4 */
const PREFACE_START = "PRI ";

/** One port for HTTP/2 and HTTP/1.1: ALPN says which with TLS, the first bytes without. */
export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: ListenerOptions) {
    const { tls, onHttp1, onHttp2 } = options;
    const byAlpn = (socket: TLSSocket): void => {
      (socket.alpnProtocol === "h2" ? onHttp2 : onHttp1)(socket);
    };
    this.#server =
      tls === undefined
        ? createTcpServer({ noDelay: true }, (socket) => byFirstBytes(socket, options))
        : createTlsServer(
            {
              ...tls,
              noDelay: true,
              ALPNProtocols: ["h2", "http/1.1"],
              handshakeTimeout: FIRST_BYTES_MS,
            },
            byAlpn,
          );
    this.#server.maxConnections = options.maxConnections;
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    listener.#server.listen(options.port, options.host);
    await once(listener.#server, "listening");
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Accept no more; resolves when every connection is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function byFirstBytes(socket: Socket, { onHttp1, onHttp2 }: ListenerOptions): void {
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
    (start === PREFACE_START ? onHttp2 : onHttp1)(socket);
  };
  socket.on("readable", look);
  socket.once("close", stop);
}

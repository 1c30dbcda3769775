import { once } from "node:events";
import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

/** One instance: a server of its own that never listens. */
interface Instance {
  readonly server: http2.Http2Server;
  readonly sessions: Set<http2.ServerHttp2Session>;
}

/**
 * A service behind an address that stays, as Cloud Run's is: a new instance takes the connections that come, before the
 * old one goes.
 */
export class RestartingBackend implements AsyncDisposable {
  readonly #routes: (router: ConnectRouter) => void;
  readonly #listener: net.Server;
  #current: Instance;
  /** performance.now() of each. */
  readonly killedAtMs: number[] = [];
  readonly restartedAtMs: number[] = [];

  constructor(routes: (router: ConnectRouter) => void) {
    this.#routes = routes;
    this.#current = this.#start();
    this.#listener = net.createServer({ noDelay: true }, (socket) =>
      this.#current.server.emit("connection", socket),
    );
  }

  async listen(): Promise<number> {
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
    return (this.#listener.address() as AddressInfo).port;
  }

  /** The old instance says GOAWAY and finishes what it has. Resolves when it is gone. */
  async restart(): Promise<void> {
    const { sessions } = this.#current;
    this.#current = this.#start();
    this.restartedAtMs.push(performance.now());
    await Promise.all(
      [...sessions].map((session) => {
        const closed = once(session, "close");
        session.close();
        return closed;
      }),
    );
  }

  /** The old instance is gone, and what it had in flight. */
  kill(): void {
    const { sessions } = this.#current;
    this.#current = this.#start();
    this.killedAtMs.push(performance.now());
    for (const session of sessions) session.socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#listener, "close");
    this.#listener.close();
    for (const session of this.#current.sessions) session.destroy();
    await closed;
  }

  #start(): Instance {
    const server = http2.createServer(connectNodeAdapter({ routes: this.#routes }));
    const sessions = new Set<http2.ServerHttp2Session>();
    server.on("session", (session) => {
      sessions.add(session);
      session.on("error", () => {});
      session.once("close", () => sessions.delete(session));
    });
    return { server, sessions };
  }
}

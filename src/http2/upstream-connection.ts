import type net from "node:net";
import { TLSSocket } from "node:tls";
import { ErrorCodes } from "./error-code.ts";
import type { Engine, Session, SessionHandler } from "./exchange.ts";
import type { Limits } from "./limits.ts";

const CONNECT_TIMEOUT_MS = 20_000;
const CLOSED = "the upstream closed the connection";

export interface UpstreamConnectionOptions {
  readonly engine: Engine;
  readonly limits: Limits;
  /** From the first SYN until the upstream's SETTINGS; default 20 000 (LM-3). */
  readonly connectTimeoutMs?: number;
}

export interface UpstreamConnectionOwner {
  readonly onUp: (session: Session) => void;
  readonly onRoom: () => void;
  /** No new exchanges on it. */
  readonly onLeaving: (session: Session) => void;
  readonly onEnd: (connection: UpstreamConnection, wasUp: boolean, why: string) => void;
}

/** One connection of a pool. States: connecting, greeting (until the upstream's SETTINGS), up, leaving, ended. */
export class UpstreamConnection {
  readonly #socket: net.Socket;
  readonly #owner: UpstreamConnectionOwner;
  readonly #timer: NodeJS.Timeout;
  #session: Session | undefined;
  #isUp = false;
  #hasEnded = false;
  #why = CLOSED;

  constructor(
    socket: net.Socket,
    options: UpstreamConnectionOptions,
    owner: UpstreamConnectionOwner,
  ) {
    this.#socket = socket;
    this.#owner = owner;
    const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#timer = setTimeout(() => {
      this.#why = `no HTTP/2 connection within ${timeoutMs} ms`;
      this.destroy();
    }, timeoutMs);
    socket.once("error", (error) => {
      if (!this.#isUp) this.#why = reasonOf(error);
    });
    socket.once("close", () => {
      if (this.#session === undefined) this.#end();
    });
    socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", () => {
      this.#onConnect(options);
    });
  }

  /** Lets exchanges finish. */
  close(): void {
    if (this.#isUp) this.#session?.drain();
    else this.destroy();
  }

  destroy(): void {
    if (this.#session === undefined) this.#socket.destroy();
    else this.#session.destroy(ErrorCodes.CANCEL);
  }

  #onConnect({ engine, limits }: UpstreamConnectionOptions): void {
    const { alpnProtocol } = this.#socket as Partial<TLSSocket>;
    if (alpnProtocol !== undefined && alpnProtocol !== "h2") {
      this.#why = "the upstream does not speak HTTP/2 over TLS (ALPN chose nothing of h2)";
      this.#socket.destroy();
      return;
    }
    const handler: SessionHandler<never> = {
      ...noExchanges,
      onCapacity: (session) => {
        if (this.#hasEnded) return;
        if (this.#isUp) this.#owner.onRoom();
        else {
          this.#isUp = true;
          clearTimeout(this.#timer);
          this.#owner.onUp(session);
        }
      },
      onGoaway: (session) => this.#owner.onLeaving(session),
      onEnd: (session, code) => {
        if (code !== ErrorCodes.NO_ERROR && this.#why === CLOSED) {
          this.#why = `no HTTP/2 answer (error code ${code})`;
        }
        this.#owner.onLeaving(session);
        this.#end();
      },
    };
    this.#session = engine.connect(this.#socket, limits, handler);
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#owner.onEnd(this, this.#isUp, this.#why);
  }
}

/** A client's exchanges have handlers of their own. */
const noExchanges = {
  onHead() {},
  onData() {},
  onTrailers() {},
  onDrain() {},
  onClose() {},
};

/** All that happy eyeballs tried, or the one thing that failed. Never empty. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map((each: Error) => each.message).join("; ");
  }
  return error.message || error.name;
}

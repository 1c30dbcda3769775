import type net from "node:net";
import type { Engine, Session } from "./exchange.ts";
import type { Limits } from "./limits.ts";
import { UpstreamConnection } from "./upstream-connection.ts";
import { type UpstreamAddress, upstreamConnector } from "./upstream-socket.ts";
import { WaitingCalls } from "./waiting-calls.ts";

export interface UpstreamPoolOptions extends UpstreamAddress {
  /** Default h2. */
  readonly protocol?: "h2" | "http/1.1";
  readonly engine: Engine;
  readonly limits: Limits;
  /** From the first SYN until the upstream's SETTINGS; default 20 000 (LM-3). */
  readonly connectTimeoutMs?: number;
  /** Not read: timeouts are monotonic. */
  readonly nowMs?: () => number;
}

/** A call that waits for a connection. One of the two is called, once, unless it leaves before. */
export interface SessionWaiter {
  /** Whose call it is: the connection it came on. Those wait in turn (limits.waiting). */
  readonly from?: Session | undefined;
  /** `session` has room for one exchange now. */
  onSession(session: Session): void;
  /**
   * `overflow`: too many wait already. `unreachable`: no connection could be made; `detail` says why in Envoy's words
   * ("remote connection failure, transport failure reason: …").
   */
  onNoSession(kind: "unreachable" | "overflow", detail: string): void;
}

/** Taken for the stream limit of an upstream that has not said its own yet. */
const USUAL_STREAMS = 100;
/** The second failure in a row is followed by this pause; each further one doubles it. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;
/** Connections beyond the first that nobody used for so long are closed. */
const SPARE_MS = 60_000;
/** How long exchanges may still run when the pool is disposed. */
const DRAIN_MS = 60_000;

/**
 * The connections to one upstream, and the choice of one for each call. Connects on first use; opens more when the
 * upstream limits streams; connects again, with pauses that grow, when the upstream is away. Disposing lets exchanges
 * finish, for a minute at most; who waits fails.
 */
export class UpstreamPool implements AsyncDisposable {
  readonly #options: UpstreamPoolOptions;
  readonly #connect: () => net.Socket;
  /** Connections that are up and take calls. */
  readonly #sessions: Session[] = [];
  /** All connections that have not ended, with what becomes of them when they do. */
  readonly #connections = new Set<UpstreamConnection>();
  readonly #waiting: WaitingCalls<SessionWaiter>;
  #connecting = 0;
  #failures = 0;
  #usualCapacity = USUAL_STREAMS;
  #pause: NodeJS.Timeout | undefined;
  #trimmer: NodeJS.Timeout | undefined;
  #disposed: PromiseWithResolvers<void> | undefined;

  constructor(options: UpstreamPoolOptions) {
    if (options.protocol === "http/1.1") {
      throw new Error(
        `HTTP/1.1 to ${options.host}:${options.port} is not available yet: use an upstream that speaks HTTP/2`,
      );
    }
    this.#options = options;
    this.#waiting = new WaitingCalls(options.limits.waiting);
    this.#connect = upstreamConnector(options);
  }

  /** Connections that are up and take calls. */
  get connections(): number {
    return this.#sessions.length;
  }

  get sessions(): readonly Session[] {
    return this.#sessions;
  }

  /** Connections that are not up yet. */
  get connecting(): number {
    return this.#connecting;
  }

  /** A session with room for one more exchange; undefined: `wait`. */
  pick(): Session | undefined {
    // Who waits was first.
    if (this.#waiting.size > 0) return undefined;
    for (const session of this.#sessions) if (session.capacity > 0) return session;
    return undefined;
  }

  /** Ask for a session. May answer at once when the queue is full. */
  wait(waiter: SessionWaiter): void {
    if (this.#disposed !== undefined) {
      waiter.onNoSession("unreachable", "remote connection failure, the pool is closed");
    } else {
      const left = this.#waiting.add(waiter);
      left?.onNoSession("overflow", "overflow");
      if (left === waiter) return;
      this.#grow();
      // Whoever gave its turn back comes behind the others, and not into an endless loop.
      if (this.#sessions.some(({ capacity }) => capacity > 0)) setImmediate(() => this.#serve());
    }
  }

  /** Nothing is called after it. */
  leave(waiter: SessionWaiter): void {
    this.#waiting.delete(waiter);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed === undefined) {
      this.#disposed = Promise.withResolvers<void>();
      clearTimeout(this.#pause);
      clearInterval(this.#trimmer);
      this.#failWaiting("remote connection failure, the pool is closed");
      for (const connection of [...this.#connections]) connection.close();
      this.#settle();
    }
    const timer = setTimeout(() => {
      for (const connection of [...this.#connections]) connection.destroy();
    }, DRAIN_MS);
    await this.#disposed.promise;
    clearTimeout(timer);
  }

  #settle(): void {
    if (this.#connections.size === 0) this.#disposed?.resolve();
  }

  /** Opens another connection when those that wait need one. */
  #grow(): void {
    if (this.#pause !== undefined || this.#disposed !== undefined) return;
    const { upstreamConnections } = this.#options.limits;
    while (
      this.#waiting.size > this.#connecting * this.#usualCapacity &&
      this.#sessions.length + this.#connecting < upstreamConnections
    ) {
      this.#connecting++;
      this.#connections.add(
        new UpstreamConnection(this.#connect(), this.#options, {
          onUp: (session) => this.#onUp(session),
          onRoom: () => this.#serve(),
          onLeaving: (session) => this.#remove(session),
          onEnd: (connection, wasUp, why) => this.#onEnd(connection, wasUp, why),
        }),
      );
    }
  }

  #onUp(session: Session): void {
    this.#connecting--;
    this.#failures = 0;
    this.#usualCapacity = Math.max(1, Math.min(session.capacity, USUAL_STREAMS));
    this.#sessions.push(session);
    if (this.#sessions.length > 1) this.#trimLater();
    this.#serve();
  }

  #onEnd(connection: UpstreamConnection, wasUp: boolean, why: string): void {
    this.#connections.delete(connection);
    if (wasUp) this.#grow();
    else {
      this.#connecting--;
      this.#failures++;
      if (this.#failures > 1) this.#pauseThenGrow();
      // Others may still come, or have room later; without them nobody would serve who waits.
      if (this.#connecting === 0 && this.#sessions.length === 0) {
        this.#failWaiting(`remote connection failure, transport failure reason: ${why}`);
      } else this.#grow();
    }
    this.#settle();
  }

  #pauseThenGrow(): void {
    clearTimeout(this.#pause);
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 2), LONGEST_PAUSE_MS);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#grow();
    }, pauseMs);
  }

  #failWaiting(detail: string): void {
    // They may wait again at once: that is for the next connection.
    const failed = this.#waiting.clear();
    for (const waiter of failed) waiter.onNoSession("unreachable", detail);
  }

  #serve(): void {
    // Each that waits now gets one chance: it may be behind again when it could not use it.
    let turns = this.#waiting.size;
    for (const session of [...this.#sessions]) {
      for (; turns > 0 && session.capacity > 0; turns--) {
        const waiter = this.#waiting.take();
        if (waiter === undefined) return;
        waiter.onSession(session);
      }
    }
    if (this.#waiting.size > 0) this.#grow();
  }

  #remove(session: Session): void {
    const at = this.#sessions.indexOf(session);
    if (at >= 0) this.#sessions.splice(at, 1);
  }

  /** A burst needed more connections than one; what stays unused is given back. */
  #trimLater(): void {
    const idle = new Set<Session>();
    this.#trimmer ??= setInterval(() => {
      for (const session of this.#sessions.slice(1)) {
        if (session.open > 0) idle.delete(session);
        else if (!idle.has(session)) idle.add(session);
        else {
          idle.delete(session);
          this.#remove(session);
          session.drain();
        }
      }
      if (this.#sessions.length > 1) return;
      clearInterval(this.#trimmer);
      this.#trimmer = undefined;
    }, SPARE_MS / 2).unref();
  }
}

import type {
  Bytes,
  ErrorCode,
  Exchange,
  ExchangeHandler,
  Session,
} from "../../src/http2/exchange.ts";
import type { Head } from "../../src/http2/head.ts";

/** What a client saw of one call. */
export interface Seen {
  /** 1xx heads, then the answer's head. */
  readonly heads: Head[];
  readonly body: Buffer[];
  trailers: Head | undefined;
  /** The answer ended by its own END_STREAM. */
  ended: boolean;
  code: ErrorCode | undefined;
}

/** Records one call as a client and credits what it reads, unless told not to. Resolves when the exchange is closed. */
export class Caller implements ExchangeHandler<undefined> {
  readonly seen: Seen = { heads: [], body: [], trailers: undefined, ended: false, code: undefined };
  readonly closed: Promise<Seen>;
  /** Bytes that were not released. */
  held = 0;
  reads = true;
  drains = 0;
  readonly #close: (seen: Seen) => void;
  readonly #waiting: { when: (seen: Seen) => boolean; done: () => void }[] = [];

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Seen>();
    this.closed = promise;
    this.#close = resolve;
  }

  /** Resolves when what was seen is so. */
  until(when: (seen: Seen) => boolean): Promise<void> {
    if (when(this.seen)) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ when, done }));
  }

  onHead(_exchange: Exchange<undefined>, head: Head, end: boolean): void {
    this.seen.heads.push(head);
    if (end) this.seen.ended = true;
    this.#look();
  }

  onData(exchange: Exchange<undefined>, bytes: Bytes, end: boolean): void {
    if (bytes.length > 0) this.seen.body.push(Buffer.from(bytes));
    if (end) this.seen.ended = true;
    if (this.reads) exchange.release(bytes.length);
    else this.held += bytes.length;
    this.#look();
  }

  onTrailers(_exchange: Exchange<undefined>, trailers: Head): void {
    this.seen.trailers = trailers;
    this.seen.ended = true;
    this.#look();
  }

  onDrain(): void {
    this.drains++;
    this.#look();
  }

  onClose(_exchange: Exchange<undefined>, code: ErrorCode): void {
    if (this.seen.code !== undefined) throw new Error("closed twice");
    this.seen.code = code;
    this.#look();
    this.#close(this.seen);
  }

  #look(): void {
    for (const waiter of [...this.#waiting]) {
      if (!waiter.when(this.seen)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.done();
    }
  }
}

/** Name and value pairs of a head, as they came. */
export function pairs(head: Head | undefined): [string, string][] {
  return (head ?? []).map(({ name, value }) => [name, value]);
}

/** A session of the pool that has room, waiting for one. */
export function sessionOf(pool: {
  pick(): Session | undefined;
  wait(waiter: {
    onSession(session: Session): void;
    onNoSession(kind: string, detail: string): void;
  }): void;
}): Promise<Session> {
  const session = pool.pick();
  if (session !== undefined) return Promise.resolve(session);
  return new Promise((resolve, reject) => {
    pool.wait({
      onSession: resolve,
      onNoSession: (kind, detail) => reject(new Error(`${kind}: ${detail}`)),
    });
  });
}

import type {
  Bytes,
  ErrorCode,
  Exchange,
  ExchangeHandler,
  Session,
  SessionHandler,
} from "../../src/http2/exchange.ts";
import type { Field, Head } from "../../src/http2/head.ts";

/** What one side saw of one exchange, in a form that tests can wait for and compare. */
export class Seen {
  /** 1xx heads and the head. */
  readonly heads: Head[] = [];
  readonly chunks: Buffer[] = [];
  trailers: Head | undefined;
  /** END_STREAM came. */
  ended = false;
  drains = 0;
  /** From onClose; undefined: not called yet. */
  code: ErrorCode | undefined;
  readonly errors: unknown[] = [];
  /** Bytes that came and were not released. */
  held = 0;
  exchange: Exchange<Seen> | undefined;
  /** This side reset it: it hears no more of it. */
  wasReset = false;
  readonly #waiting: { readonly when: (seen: Seen) => boolean; readonly done: () => void }[] = [];

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  /** Resolves when what was seen is so. */
  until(when: (seen: Seen) => boolean): Promise<void> {
    if (when(this)) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ when, done }));
  }

  /** The code of onClose, when it came. */
  async closed(): Promise<ErrorCode | undefined> {
    await this.until(({ code }) => code !== undefined);
    return this.code;
  }

  reset(code: ErrorCode): void {
    this.wasReset = true;
    this.exchange?.reset(code);
  }

  changed(): void {
    for (const waiter of [...this.#waiting]) {
      if (!waiter.when(this)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.done();
    }
  }
}

/** What a side does beside recording. */
export interface Behaviour {
  onHead?(exchange: Exchange<Seen>, head: Head, end: boolean): void;
  onData?(exchange: Exchange<Seen>, bytes: Bytes, end: boolean): void;
  onTrailers?(exchange: Exchange<Seen>, trailers: Head): void;
  onDrain?(exchange: Exchange<Seen>): void;
  onClose?(exchange: Exchange<Seen>, code: ErrorCode): void;
  onGoaway?(session: Session, unprocessed: readonly Exchange<Seen>[]): void;
  onEnd?(session: Session, code: ErrorCode): void;
  onCapacity?(session: Session): void;
  /** Default true: what comes is released at once. */
  readonly reads?: boolean;
}

/** Records the exchanges of one side, and checks the order in which it hears of them. */
export class Recorder implements SessionHandler<Seen>, ExchangeHandler<Seen> {
  /** All exchanges of a server, in the order they came. */
  readonly all: Seen[] = [];
  readonly violations: string[] = [];
  readonly ended = Promise.withResolvers<ErrorCode>();
  goaways = 0;
  ends = 0;
  readonly #behaviour: Behaviour;
  readonly #waiting: (() => void)[] = [];

  constructor(behaviour: Behaviour = {}) {
    this.#behaviour = behaviour;
  }

  /** The nth exchange of a server, when it came. */
  async nth(nth: number): Promise<Seen> {
    for (;;) {
      const seen = this.all[nth];
      if (seen !== undefined) return seen;
      await new Promise<void>((done) => this.#waiting.push(done));
    }
  }

  onHead(exchange: Exchange<Seen>, head: Head, end: boolean): void {
    if (exchange.own === undefined) {
      exchange.own = new Seen();
      this.all.push(exchange.own);
    }
    const seen = this.#seen(exchange, "onHead");
    seen.exchange = exchange;
    seen.heads.push(head);
    if (end) seen.ended = true;
    this.#behaviour.onHead?.(exchange, head, end);
    seen.changed();
    for (const done of this.#waiting.splice(0)) done();
  }

  onData(exchange: Exchange<Seen>, bytes: Bytes, end: boolean): void {
    const seen = this.#seen(exchange, "onData");
    if (seen.heads.length === 0) this.violations.push("data before the head");
    if (bytes.length > 0) seen.chunks.push(Buffer.from(bytes));
    if (end) seen.ended = true;
    if (this.#behaviour.reads === false) seen.held += bytes.length;
    else exchange.release(bytes.length);
    this.#behaviour.onData?.(exchange, bytes, end);
    seen.changed();
  }

  onTrailers(exchange: Exchange<Seen>, trailers: Head): void {
    const seen = this.#seen(exchange, "onTrailers");
    seen.trailers = trailers;
    seen.ended = true;
    this.#behaviour.onTrailers?.(exchange, trailers);
    seen.changed();
  }

  onDrain(exchange: Exchange<Seen>): void {
    const seen = this.#seen(exchange, "onDrain", true);
    seen.drains++;
    this.#behaviour.onDrain?.(exchange);
    seen.changed();
  }

  onClose(exchange: Exchange<Seen>, code: ErrorCode): void {
    const seen = this.#seen(exchange, "onClose", true);
    seen.code = code;
    try {
      this.#behaviour.onClose?.(exchange, code);
    } finally {
      seen.changed();
    }
  }

  onError(exchange: Exchange<Seen>, error: unknown): void {
    exchange.own.errors.push(error);
    exchange.own.changed();
  }

  onGoaway(session: Session, unprocessed: readonly Exchange<Seen>[]): void {
    this.goaways++;
    this.#behaviour.onGoaway?.(session, unprocessed);
  }

  onCapacity(session: Session): void {
    this.#behaviour.onCapacity?.(session);
  }

  onEnd(session: Session, code: ErrorCode): void {
    this.ends++;
    if (this.all.some(({ code, wasReset }) => code === undefined && !wasReset)) {
      this.violations.push("onEnd before onClose");
    }
    this.#behaviour.onEnd?.(session, code);
    this.ended.resolve(code);
  }

  #seen(exchange: Exchange<Seen>, what: string, mayFollowEnd = false): Seen {
    const seen = exchange.own;
    if (seen.code !== undefined) this.violations.push(`${what} after onClose`);
    if (seen.ended && !mayFollowEnd) this.violations.push(`${what} after the end`);
    return seen;
  }
}

/** Name and value pairs of a head, as they came. */
export function pairs(head: Head | undefined): [string, string][] {
  return (head ?? []).map(({ name, value }) => [name, value]);
}

/** Plain fields, as any engine takes them. */
export function headOf(...fields: [name: string, value: string][]): Field[] {
  return fields.map(([name, value]) => ({ name, value, sensitive: false }));
}

/** The head of a gRPC call with that metadata. */
export function requestHead(...metadata: [name: string, value: string][]): Field[] {
  return headOf(
    [":method", "POST"],
    [":scheme", "http"],
    [":authority", "127.0.0.1"],
    [":path", "/echo.EchoServer/SayHello"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...metadata,
  );
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

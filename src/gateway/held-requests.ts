import { ErrorCodes } from "../http2/error-code.ts";
import type { Bytes, Exchange, ExchangeHandler } from "../http2/exchange.ts";
import type { Head } from "../http2/head.ts";

type Held<T> =
  /** What came while the gateway fetches keys: credit is not given back, so the window bounds it. */
  | { readonly kind: "for-keys"; readonly ended: boolean; readonly received: Received[] }
  /** An answer that leaves when the request has ended: plain HTTP clients read only then. */
  | {
      readonly kind: "for-end";
      readonly answer: (exchange: Exchange<T>) => void;
      readonly timer: NodeJS.Timeout;
    };

type Received =
  | { readonly kind: "data"; readonly bytes: Bytes; readonly end: boolean }
  | { readonly kind: "trailers"; readonly trailers: Head };

/** How long a refused request may go on before its answer leaves all the same. Against: requests that never end, from nobody. */
const END_WAIT_MS = 10_000;

/** Requests whose fate is not settled when their head came. One entry an open exchange, gone when it closes. */
export class HeldRequests<T> {
  readonly #held = new Map<Exchange<T>, Held<T>>();
  readonly #next: Omit<ExchangeHandler<T>, "onHead">;
  readonly #endWaitMs: number;

  constructor(next: Omit<ExchangeHandler<T>, "onHead">, endWaitMs: number = END_WAIT_MS) {
    this.#next = next;
    this.#endWaitMs = endWaitMs;
  }

  get size(): number {
    return this.#held.size;
  }

  /** `ended`: the request was its head alone. */
  holdForKeys(exchange: Exchange<T>, ended: boolean): void {
    this.#held.set(exchange, { kind: "for-keys", ended, received: [] });
  }

  holdForEnd(exchange: Exchange<T>, answer: (exchange: Exchange<T>) => void): void {
    const timer = setTimeout(() => {
      this.#guard(exchange, () => this.#answer(exchange, answer));
    }, this.#endWaitMs).unref();
    this.#held.set(exchange, { kind: "for-end", answer, timer });
  }

  /** `settle` runs, then what was received is played to the next handler. Nothing happens when the caller went away meanwhile. */
  letGo(exchange: Exchange<T>, settle: (requestEnded: boolean) => void): void {
    const held = this.#held.get(exchange);
    if (held?.kind !== "for-keys") return;
    this.#held.delete(exchange);
    this.#guard(exchange, () => {
      settle(held.ended);
      for (const one of held.received) {
        // Settling may have parked it again, for an answer at the end.
        if (one.kind === "data") this.onData(exchange, one.bytes, one.end);
        else this.onTrailers(exchange, one.trailers);
      }
    });
  }

  onData(exchange: Exchange<T>, bytes: Bytes, end: boolean): void {
    const held = this.#held.size === 0 ? undefined : this.#held.get(exchange);
    if (held === undefined) this.#next.onData(exchange, bytes, end);
    else if (held.kind === "for-keys") held.received.push({ kind: "data", bytes, end });
    else {
      exchange.release(bytes.length);
      if (end) this.#answer(exchange, held.answer);
    }
  }

  onTrailers(exchange: Exchange<T>, trailers: Head): void {
    const held = this.#held.size === 0 ? undefined : this.#held.get(exchange);
    if (held === undefined) this.#next.onTrailers(exchange, trailers);
    else if (held.kind === "for-keys") held.received.push({ kind: "trailers", trailers });
    else this.#answer(exchange, held.answer);
  }

  onDrain(exchange: Exchange<T>): void {
    this.#next.onDrain(exchange);
  }

  onClose(exchange: Exchange<T>, code: number): void {
    if (this.#held.size > 0 && this.#forget(exchange)) return;
    this.#next.onClose(exchange, code);
  }

  #answer(exchange: Exchange<T>, answer: (exchange: Exchange<T>) => void): void {
    this.#forget(exchange);
    answer(exchange);
  }

  /** What runs outside of an engine's callbacks: what it throws ends its exchange, as there, and not the process. */
  #guard(exchange: Exchange<T>, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#forget(exchange);
      this.#next.onError?.(exchange, error);
      exchange.reset(ErrorCodes.INTERNAL_ERROR);
    }
  }

  /** False: it was not held. */
  #forget(exchange: Exchange<T>): boolean {
    const held = this.#held.get(exchange);
    if (held?.kind === "for-end") clearTimeout(held.timer);
    return this.#held.delete(exchange);
  }
}

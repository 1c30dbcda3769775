import type { H2Exchange } from "./h2-exchange.ts";

/**
 * How many of the exchanges that we reset are remembered, to ignore what the peer had sent before it knew: as many as are
 * open at once, for a service that goes away ends all of them at once.
 */
const REMEMBERED_RESETS = 1024;

/** The exchanges of one connection, and what is known of those that are over. */
export class ExchangeTable {
  /** Server: the highest id that came. Client: the highest we used. */
  lastId = 0;

  readonly #open = new Map<number, H2Exchange>();
  #reset: Set<number> | undefined;

  get size(): number {
    return this.#open.size;
  }

  [Symbol.iterator](): Iterator<H2Exchange> {
    return this.#open.values();
  }

  get(id: number): H2Exchange | undefined {
    return this.#open.get(id);
  }

  add(exchange: H2Exchange): void {
    this.#open.set(exchange.id, exchange);
  }

  delete(id: number): void {
    this.#open.delete(id);
  }

  /** No exchange had that id yet, or ever will: all are the client's, with odd ids. */
  isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.lastId;
  }

  /** The id of the next exchange of a client. */
  nextId(): number {
    this.lastId += this.lastId === 0 ? 1 : 2;
    return this.lastId;
  }

  /** We reset it: what still comes of it was sent before the peer knew. */
  noteReset(id: number): void {
    this.#reset ??= new Set();
    this.#reset.add(id);
    if (this.#reset.size <= REMEMBERED_RESETS) return;
    const [oldest] = this.#reset;
    if (oldest !== undefined) this.#reset.delete(oldest);
  }

  wasReset(id: number): boolean {
    return this.#reset?.has(id) === true;
  }
}

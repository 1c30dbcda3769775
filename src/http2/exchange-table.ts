import type { H2Exchange } from "./h2-exchange.ts";

/**
 * How many of the exchanges that we reset are remembered, to ignore what the peer had sent before it knew: as many as are
 * open at once, for a service that goes away ends all of them at once.
 */
const REMEMBERED_RESETS = 1024;

/** Powers of two. */
const FEWEST_SLOTS = 16;
const MOST_SLOTS = 4096;
/** An idle connection keeps no more of its busy time. */
const KEPT_SLOTS = 256;

/** The exchanges of one connection, and what is known of those that are over. */
export class ExchangeTable {
  /** Server: the highest id that came. Client: the highest we used. */
  lastId = 0;

  size = 0;
  /** Open exchanges by the low bits of their id: ids follow each other, so the place is nearly always free. */
  #slots: (H2Exchange | undefined)[] = [];
  /** Those whose place was taken: few, beside exchanges that stay open for long. */
  #displaced: Map<number, H2Exchange> | undefined;
  #reset: Set<number> | undefined;

  *[Symbol.iterator](): Iterator<H2Exchange> {
    for (const exchange of this.#slots) if (exchange !== undefined) yield exchange;
    if (this.#displaced !== undefined) yield* this.#displaced.values();
  }

  get(id: number): H2Exchange | undefined {
    const exchange = this.#slots[(id >>> 1) & (this.#slots.length - 1)];
    if (exchange !== undefined && exchange.id === id) return exchange;
    return this.#displaced?.get(id);
  }

  add(exchange: H2Exchange): void {
    this.size++;
    if (this.#slots.length === 0) this.#slots = emptySlots(FEWEST_SLOTS);
    while (!this.#place(exchange)) {
      if (this.#slots.length >= MOST_SLOTS || this.size * 4 < this.#slots.length) {
        this.#displaced ??= new Map();
        this.#displaced.set(exchange.id, exchange);
        return;
      }
      const before = this.#slots;
      this.#slots = emptySlots(before.length * 2);
      for (const other of before) if (other !== undefined) this.#place(other);
    }
  }

  delete(id: number): void {
    const slot = (id >>> 1) & (this.#slots.length - 1);
    if (this.#slots[slot]?.id === id) this.#slots[slot] = undefined;
    else if (this.#displaced?.delete(id) !== true) return;
    this.size--;

    if (this.size === 0 && this.#slots.length > KEPT_SLOTS) this.#slots = [];
  }

  #place(exchange: H2Exchange): boolean {
    const slot = (exchange.id >>> 1) & (this.#slots.length - 1);
    if (this.#slots[slot] !== undefined) return false;
    this.#slots[slot] = exchange;
    return true;
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

function emptySlots(count: number): (H2Exchange | undefined)[] {
  return new Array(count).fill(undefined);
}

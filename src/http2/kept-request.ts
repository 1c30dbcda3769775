import type { Bytes, Exchange } from "./exchange.ts";

/** The data of a request, kept while it may have to be sent, or sent again. */
export class KeptRequest {
  /** In all. */
  bytes = 0;
  /** Most requests are one chunk. */
  #first: Bytes | undefined = undefined;
  #more: Bytes[] | undefined = undefined;

  add(bytes: Bytes): void {
    if (bytes.length === 0) return;
    this.bytes += bytes.length;
    // A small view would hold all of the buffer that it was read into.
    const kept = bytes.length * 4 < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
    if (this.#first === undefined) this.#first = kept;
    else if (this.#more === undefined) this.#more = [kept];
    else this.#more.push(kept);
  }

  /** Sends all of it; `ends`: the last chunk ends the request. False: not all of it could leave. */
  sendTo(exchange: Exchange<unknown>, ends: boolean): boolean {
    if (this.#first === undefined) return true;
    const more = this.#more ?? [];
    let hasLeft = exchange.data(this.#first, ends && more.length === 0);
    for (const [nth, bytes] of more.entries()) {
      hasLeft = exchange.data(bytes, ends && nth === more.length - 1);
    }
    return hasLeft;
  }
}

/** A turn's output of most connections fits into this. */
const SMALL_BYTES = 4 * 1024;
export const LARGE_BYTES = 64 * 1024;
/** Chunks of each kind that are kept for the next turn: 1.3 MiB in all. */
const KEPT = 16;

/**
 * Memory that connections write frames into during one turn of the event loop, shared by all of an engine: a connection
 * that has nothing to send has none of it.
 */
export class ChunkPool {
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];

  /** A chunk with room for `bytes` (at most LARGE_BYTES); its content is arbitrary. */
  take(bytes: number): Buffer {
    return bytes <= SMALL_BYTES
      ? (this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES))
      : (this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES));
  }

  /** Give back a chunk that nobody reads any more. */
  give(chunk: Buffer): void {
    const kept = chunk.length === SMALL_BYTES ? this.#small : this.#large;
    if (kept.length < KEPT) kept.push(chunk);
  }
}

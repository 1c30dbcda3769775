/** Something that waits for its turn. */
export interface Waiting {
  /** On whose behalf; those that have no such thing count as one. */
  readonly from?: object | undefined;
}

/**
 * Who waits for a connection. Each source in turn, its own in the order they came; when it is full, the source that has
 * most in it gives way to one that has less: nobody fills it for the others.
 */
export class WaitingCalls<W extends Waiting> {
  readonly #most: number;
  /** The source whose turn it is comes first. */
  readonly #sources = new Map<object | undefined, Set<W>>();
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** Who could not be kept: `waiter` itself, or another one who had to leave; undefined: there was room. */
  add(waiter: W): W | undefined {
    const theirs = this.#sources.get(waiter.from);
    let leaves: W | undefined;
    if (this.#size >= this.#most) {
      const largest = this.#largest();
      leaves = [...(largest ?? [])].at(-1);
      // After the change the newcomer's source must not have more than the one that gave way.
      if (leaves === undefined || (largest?.size ?? 0) <= (theirs?.size ?? 0) + 1) return waiter;
      this.delete(leaves);
    }
    if (theirs === undefined) this.#sources.set(waiter.from, new Set([waiter]));
    else theirs.add(waiter);
    this.#size++;
    return leaves;
  }

  /** Takes out who is next. */
  take(): W | undefined {
    for (const [from, waiting] of this.#sources) {
      const [next] = waiting;
      if (next === undefined) continue;
      this.delete(next);
      // Others first, from now on.
      if (waiting.size > 0) {
        this.#sources.delete(from);
        this.#sources.set(from, waiting);
      }
      return next;
    }
    return undefined;
  }

  delete(waiter: W): void {
    const theirs = this.#sources.get(waiter.from);
    if (theirs?.delete(waiter) !== true) return;
    this.#size--;
    if (theirs.size === 0) this.#sources.delete(waiter.from);
  }

  /** Takes out all, in no particular order. */
  clear(): readonly W[] {
    const all = [...this.#sources.values()].flatMap((waiting) => [...waiting]);
    this.#sources.clear();
    this.#size = 0;
    return all;
  }

  #largest(): Set<W> | undefined {
    let largest: Set<W> | undefined;
    for (const waiting of this.#sources.values())
      if (waiting.size > (largest?.size ?? 0)) largest = waiting;
    return largest;
  }
}

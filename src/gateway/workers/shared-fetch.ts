/** A failure is also the answer to those who ask within this. Against: every worker's own retry at a server that is down. */
const FAILURE_SHARED_MS = 1_000;
/** Answers kept at once; the oldest goes. Against: reloads that name other servers again and again. */
const MAX_KEPT = 100;

export interface SharedFetchOptions<T> {
  /** The signal aborts when nobody wants an answer any more. */
  readonly fetch: (key: string, signal: AbortSignal) => Promise<T>;
  /** May it be given to one more who asks now? */
  readonly isFresh: (fetched: Fetched<T>, nowMs: number) => boolean;
  readonly nowMs: () => number;
}

export interface Fetched<T> {
  readonly value: T;
  readonly atMs: number;
}

type Kept<T> =
  | { readonly kind: "fetching"; readonly answer: Promise<Fetched<T>> }
  | { readonly kind: "fetched"; readonly fetched: Fetched<T> }
  | { readonly kind: "failed"; readonly error: unknown; readonly atMs: number };

/** One fetch for all who want the same: while it runs, and as long as what it brought is fresh. */
export class SharedFetch<T> implements Disposable {
  readonly #options: SharedFetchOptions<T>;
  readonly #kept = new Map<string, Kept<T>>();
  readonly #stop = new AbortController();

  constructor(options: SharedFetchOptions<T>) {
    this.#options = options;
  }

  /** Rejects with what the fetch rejected with. */
  async get(key: string): Promise<Fetched<T>> {
    const { isFresh, nowMs } = this.#options;
    const kept = this.#kept.get(key);
    const now = nowMs();
    if (kept?.kind === "fetching") return kept.answer;
    if (kept?.kind === "fetched" && isFresh(kept.fetched, now)) return kept.fetched;
    if (kept?.kind === "failed" && now >= kept.atMs && now < kept.atMs + FAILURE_SHARED_MS)
      throw kept.error;
    const answer = this.#fetch(key);
    this.#keep(key, { kind: "fetching", answer });
    return answer;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#kept.clear();
  }

  async #fetch(key: string): Promise<Fetched<T>> {
    const { fetch, nowMs } = this.#options;
    try {
      const fetched = { value: await fetch(key, this.#stop.signal), atMs: nowMs() };
      this.#keep(key, { kind: "fetched", fetched });
      return fetched;
    } catch (error) {
      this.#keep(key, { kind: "failed", error, atMs: nowMs() });
      throw error;
    }
  }

  #keep(key: string, kept: Kept<T>): void {
    if (this.#stop.signal.aborted) return;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }
}

import { causeText } from "../auth/fetch-text.ts";
import { type KeySet, parseKeySet } from "../auth/key-set.ts";
import type { JwtProvider } from "../config/model.ts";
import type { KeySource } from "./decide/decide.ts";
import type { FetchKeys } from "./fetch-keys.ts";

/** JK-1: how long fetched keys count as fresh. */
export const CACHE_MS = 300_000;
/** After a failure: no call starts another fetch before this has passed. Against: a call a fetch while the issuer is down. */
const COOLDOWN_MS = 1_000;
/** Old keys whose refresh failed are tried again after this. */
const RETRY_MS = 10_000;
/** The clock is looked at this often, so that a step of it shows. */
const LONGEST_SLEEP_MS = 30_000;

export interface KeySetsOptions {
  readonly fetchKeys: FetchKeys;
  readonly nowMs: () => number;
  readonly log: (severity: "INFO" | "WARNING", message: string) => void;
}

interface Kept {
  /** The last good keys: they stay in use while a refresh fails. */
  keys: KeySet | undefined;
  /** What they were read from: the same text is the same keys, and what was checked with them stays checked. */
  text: string;
  fault: string;
  /** No fetch before this. */
  nextAtMs: number;
  fetching: Promise<void> | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** The key sets of the model's providers: one cache a `jwks_uri`, fetched at start and in the background (JK-1 to JK-4). */
export class KeySets implements KeySource, Disposable {
  readonly #options: KeySetsOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #stop = new AbortController();

  constructor(options: KeySetsOptions) {
    this.#options = options;
  }

  keysOf(provider: JwtProvider): KeySet | { readonly fault: string } | undefined {
    const kept = this.#kept.get(provider.jwksUri.href);
    if (kept === undefined) return { fault: FETCH_FAILED };
    if (kept.keys !== undefined) return kept.keys;
    // JK-3: a call that needs keys nobody has fetches them, but not more often than the cooldown allows.
    if (kept.fetching !== undefined || this.#options.nowMs() >= kept.nextAtMs) return undefined;
    return { fault: kept.fault };
  }

  /** Keep these providers' keys and no others. Resolves when each has been asked for once, whether it worked or not (JK-2). */
  async keep(providers: Iterable<JwtProvider>): Promise<void> {
    const wanted = new Map([...providers].map(({ jwksUri }) => [jwksUri.href, jwksUri]));
    for (const [href, kept] of this.#kept) {
      if (wanted.has(href)) continue;
      clearTimeout(kept.timer);
      this.#kept.delete(href);
    }
    const fetches: Promise<void>[] = [];
    for (const [href, url] of wanted) {
      if (this.#kept.has(href)) continue;
      const kept: Kept = {
        keys: undefined,
        text: "",
        fault: FETCH_FAILED,
        nextAtMs: 0,
        fetching: undefined,
        timer: undefined,
      };
      this.#kept.set(href, kept);
      fetches.push(this.#fetch(url, kept));
    }
    await Promise.all(fetches);
  }

  /** One fetch for all who wait; never rejects: ask keysOf again. */
  fetch({ jwksUri }: JwtProvider): Promise<void> {
    const kept = this.#kept.get(jwksUri.href);
    return kept === undefined ? Promise.resolve() : this.#fetch(jwksUri, kept);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    for (const { timer } of this.#kept.values()) clearTimeout(timer);
    this.#kept.clear();
  }

  #fetch(url: URL, kept: Kept): Promise<void> {
    kept.fetching ??= this.#once(url, kept).finally(() => {
      kept.fetching = undefined;
      this.#sleep(url, kept);
    });
    return kept.fetching;
  }

  async #once(url: URL, kept: Kept): Promise<void> {
    const { fetchKeys, nowMs, log } = this.#options;
    try {
      const { text: body, ageMs } = await fetchKeys(url, this.#stop.signal);
      if (body !== kept.text || kept.keys === undefined) {
        const parsed = parseKeySet(body);
        if ("fault" in parsed) throw new KeySetUnusable(parsed.fault);
        kept.keys = parsed;
        kept.text = body;
      }
      kept.nextAtMs = nowMs() + CACHE_MS - ageMs;
    } catch (cause) {
      if (this.#stop.signal.aborted) return;
      const why = causeText(cause);
      const stays = kept.keys === undefined ? "" : "; the old ones stay in use";
      log("WARNING", `keys of ${url.href}: ${why}${stays}`);
      kept.fault = cause instanceof KeySetUnusable ? cause.message : FETCH_FAILED;
      kept.nextAtMs = nowMs() + (kept.keys === undefined ? COOLDOWN_MS : RETRY_MS);
    }
  }

  #sleep(url: URL, kept: Kept): void {
    // Without keys, calls ask for them (JK-3); the background goes on only where there is something to refresh.
    if (this.#stop.signal.aborted || this.#kept.get(url.href) !== kept) return;
    clearTimeout(kept.timer);
    const leftMs = kept.keys === undefined ? RETRY_MS : kept.nextAtMs - this.#options.nowMs();
    const sleepMs = Math.min(Math.max(leftMs, COOLDOWN_MS), LONGEST_SLEEP_MS);
    kept.timer = setTimeout(() => {
      const leftMs = kept.nextAtMs - this.#options.nowMs();
      // More than a cache's life left: the clock was set back.
      if (leftMs <= 0 || leftMs > CACHE_MS) void this.#fetch(url, kept);
      else this.#sleep(url, kept);
    }, sleepMs);
  }
}

/** What API Gateway says when keys cannot be had. */
const FETCH_FAILED = "Jwks remote fetch is failed";

/** The document came, but holds nothing to check with. */
class KeySetUnusable extends Error {}

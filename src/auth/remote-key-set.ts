import { causeText, fetchText, type Reach } from "./fetch-text.ts";
import { type KeySet, parseKeySet } from "./key-set.ts";

export interface RemoteKeySetOptions extends Reach {
  /** A JWKS, or Google's JSON object of kid -> PEM. */
  readonly url: URL;
  readonly nowMs: () => number;
}

/** Keys could not be had, and why. */
export interface KeysFault {
  readonly fault: string;
}

/** The keys of an issuer, fetched when first needed and again when they are old; the last good ones serve while fetching fails. */
export interface RemoteKeySet extends Disposable {
  keys(): Promise<KeySet | KeysFault>;
  /** The keys after one early fetch, for a key id that is not among them; without a fetch within the cooldown. */
  newerKeys(): Promise<KeySet | KeysFault>;
}

/** How long keys count as fresh when the answer does not say; and the bounds on what it says. */
const defaultFreshMs = 5 * 60_000;
const minFreshMs = 60_000;
const maxFreshMs = 24 * 3_600_000;
/** How long old keys serve after they should have been replaced. Against: keys that were withdrawn, while the issuer is down. */
const maxStaleMs = 24 * 3_600_000;
/** One early fetch this often. Against: tokens with made-up key ids. */
export const earlyFetchCooldownMs = 30_000;
/** After a failed fetch nobody asks again for this long. */
export const failedFetchCooldownMs = 2_000;
/** Calls wait for it. */
const fetchTimeoutMs = 10_000;

export function remoteKeySet(options: RemoteKeySetOptions): RemoteKeySet {
  const { url, nowMs } = options;
  const end = new AbortController();
  let good:
    | { readonly keySet: KeySet; readonly atMs: number; readonly freshMs: number }
    | undefined;
  let failed: { readonly fault: KeysFault; readonly atMs: number } | undefined;
  let inFlight: Promise<void> | undefined;
  let earlyAtMs = Number.NEGATIVE_INFINITY;

  const fetchKeys = async (): Promise<void> => {
    try {
      const timeoutMs = options.timeoutMs ?? fetchTimeoutMs;
      const answer = await fetchText({ ...options, timeoutMs, signal: end.signal });
      if (answer.status !== 200) throw new Error(`it answered ${answer.status}`);
      const keySet = parseKeySet(answer.text);
      if ("fault" in keySet) throw new Error(keySet.detail);
      good = { keySet, atMs: nowMs(), freshMs: freshFor(answer.headers) };
      failed = undefined;
    } catch (error) {
      const fault = { fault: `no keys from ${url.origin}${url.pathname}: ${causeText(error)}` };
      failed = { fault, atMs: nowMs() };
    }
  };
  /** Single flight: whoever comes meanwhile waits for the same answer. */
  const refresh = (): Promise<void> => {
    inFlight ??= fetchKeys().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  };
  const mayFetch = (now: number): boolean =>
    !end.signal.aborted &&
    (failed === undefined || isPast(failed.atMs, failedFetchCooldownMs, now));
  const current = (now: number): KeySet | KeysFault => {
    if (good !== undefined && !isPast(good.atMs, good.freshMs + maxStaleMs, now))
      return good.keySet;
    return failed?.fault ?? { fault: `no keys from ${url.origin}${url.pathname} yet` };
  };

  return {
    async keys() {
      const now = nowMs();
      const kept = current(now);
      const isFresh = good !== undefined && !isPast(good.atMs, good.freshMs, now);
      if (isFresh || !(inFlight !== undefined || mayFetch(now))) return kept;
      const refreshing = refresh();
      if (!("fault" in kept)) return kept; // renewed in the background
      await refreshing;
      return current(nowMs());
    },
    async newerKeys() {
      const now = nowMs();
      if (inFlight === undefined) {
        if (!isPast(earlyAtMs, earlyFetchCooldownMs, now) || !mayFetch(now)) return current(now);
        earlyAtMs = now;
      }
      await refresh();
      return current(nowMs());
    },
    [Symbol.dispose]() {
      end.abort(new Error("the key set is disposed"));
    },
  };
}

/** Whether `spanMs` have passed since `sinceMs`; a clock that went back counts as passed. */
function isPast(sinceMs: number, spanMs: number, now: number): boolean {
  return now >= sinceMs + spanMs || now < sinceMs;
}

/** RFC 9111: max-age less the time the answer spent in caches on its way. */
function freshFor(headers: { readonly [name: string]: string | string[] | undefined }): number {
  const maxAge = /(?:^|[\s,])max-age=(\d{1,9})/.exec(String(headers["cache-control"] ?? ""))?.[1];
  if (maxAge === undefined) return defaultFreshMs;
  const age = /^\d{1,9}$/.test(String(headers.age ?? "")) ? Number(headers.age) : 0;
  return Math.min(Math.max((Number(maxAge) - age) * 1000, minFreshMs), maxFreshMs);
}

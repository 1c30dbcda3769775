import { setTimeout as wait } from "node:timers/promises";
import { MintError } from "./mint-error.ts";
import type { IdToken, TokenSource } from "./token-source.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface TokenCacheOptions {
  readonly nowMs: () => number;
  /** 0 up to, not including, 1; default Math.random. Spreads refreshes and retries of many processes. */
  readonly random?: () => number;
}

/** Audiences kept at once; the one unused for longest goes. Against: a caller that makes audiences up. */
export const maxAudiences = 100;
/** A refresh starts this long before the end, up to as long again earlier by chance; at most a quarter of the token's life. */
const refreshLeadMs = 5 * 60_000;
/** A token is not given out for its last moments: it must still be good when it arrives. At most a tenth of its life. */
const lastMomentsMs = 10_000;
/** Tries within one mint when nothing usable is left and the fault may pass. */
const maxTries = 3;
const firstTryWaitMs = 100;
/** After a failed mint nobody is asked again for this long, doubled by every further one. */
const firstBackoffMs = 1_000;
const maxBackoffMs = 60_000;

/**
 * A token source that asks another one as little as possible: one mint in flight an audience however many callers wait;
 * a token is reused, renewed in the background when it nears its end, and given out until it ends even while renewals
 * fail; after failures it backs off. A caller that aborts leaves the others waiting. There is no timer between calls:
 * renewal starts with a call (on Cloud Run nothing runs between requests). Disposing aborts what is in flight.
 */
export function cachedTokens(
  mint: TokenSource,
  { nowMs, random = Math.random }: TokenCacheOptions,
): TokenSource & Disposable {
  const entries = new Map<string, Entry>();
  const end = new AbortController();

  const source = async (audience: string, signal?: AbortSignal): Promise<IdToken> => {
    signal?.throwIfAborted();
    end.signal.throwIfAborted();
    const entry = entryFor(entries, audience);
    const now = nowMs();
    const { token, failure } = entry;
    const usable = token !== undefined && now < token.usableUntilMs ? token : undefined;
    if (usable !== undefined && !isDue(usable, now)) return usable.token;
    if (entry.minting === undefined && failure !== undefined && !isOver(failure, now)) {
      if (usable !== undefined) return usable.token;
      throw again(failure, now);
    }
    entry.minting ??= start(entry, audience, usable === undefined ? maxTries : 1);
    if (usable !== undefined) return usable.token;
    const stop = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
    return await unlessAborted(entry.minting, stop);
  };

  const start = (entry: Entry, audience: string, tries: number): Promise<IdToken> => {
    const minting = mintOnce(audience, tries).then(
      (token) => {
        entry.failure = undefined;
        entry.token = keep(token, nowMs(), random());
        return token;
      },
      (error: unknown) => {
        const failures = (entry.failure?.failures ?? 0) + 1;
        const backoffMs = Math.min(firstBackoffMs * 2 ** (failures - 1), maxBackoffMs);
        const failedAtMs = nowMs();
        const retryAtMs = failedAtMs + backoffMs * (1 - random() / 2);
        entry.failure = { error, failures, failedAtMs, retryAtMs };
        throw error;
      },
    );
    const done = () => {
      entry.minting = undefined;
    };
    // Also marks it as handled: a renewal in the background has nobody who waits.
    minting.then(done, done);
    return minting;
  };

  const mintOnce = async (audience: string, tries: number): Promise<IdToken> => {
    for (let tried = 1; ; tried++) {
      try {
        const token = await mint(audience, end.signal);
        if (token.expiresAtMs > nowMs()) return token;
        throw new MintError({
          audience,
          from: "the token source",
          why: `the token it minted expired ${Math.round((nowMs() - token.expiresAtMs) / 1000)} s ago`,
          fix: "Check this machine's clock.",
        });
      } catch (error) {
        end.signal.throwIfAborted();
        if (tried >= tries || !(error instanceof MintError && error.isTransient)) throw error;
        await wait(firstTryWaitMs * 4 ** (tried - 1) * random(), undefined, { signal: end.signal });
      }
    }
  };

  return Object.assign(source, {
    [Symbol.dispose]: () => {
      entries.clear();
      end.abort(new Error("the token cache is disposed"));
    },
  });
}

interface Entry {
  token: KeptToken | undefined;
  minting: Promise<IdToken> | undefined;
  failure: Failure | undefined;
}

interface KeptToken {
  readonly token: IdToken;
  readonly mintedAtMs: number;
  readonly refreshAtMs: number;
  readonly usableUntilMs: number;
}

interface Failure {
  readonly error: unknown;
  readonly failures: number;
  readonly failedAtMs: number;
  readonly retryAtMs: number;
}

/** The entry of an audience, now the most recently used; the least recently used that nobody waits for goes. */
function entryFor(entries: Map<string, Entry>, audience: string): Entry {
  const entry = entries.get(audience) ?? {
    token: undefined,
    minting: undefined,
    failure: undefined,
  };
  entries.delete(audience);
  entries.set(audience, entry);
  if (entries.size > maxAudiences) {
    const [oldest] = entries.keys();
    if (oldest !== undefined) entries.delete(oldest);
  }
  return entry;
}

function keep(token: IdToken, now: number, random: number): KeptToken {
  const lifeMs = token.expiresAtMs - now;
  const leadMs = Math.min(refreshLeadMs, lifeMs / 4);
  return {
    token,
    mintedAtMs: now,
    refreshAtMs: token.expiresAtMs - leadMs * (1 + random),
    usableUntilMs: token.expiresAtMs - Math.min(lastMomentsMs, lifeMs / 10),
  };
}

/** A clock that went back makes a token look younger than it is: renew it. */
function isDue({ refreshAtMs, mintedAtMs }: KeptToken, now: number): boolean {
  return now >= refreshAtMs || now < mintedAtMs;
}

function isOver({ retryAtMs, failedAtMs }: Failure, now: number): boolean {
  return now >= retryAtMs || now < failedAtMs;
}

/** The failure is remembered: nobody was asked. */
function again({ error, retryAtMs }: Failure, now: number): Error {
  const waitS = Math.max(1, Math.ceil((retryAtMs - now) / 1000));
  const what = error instanceof Error ? error.message : String(error);
  return new Error(`${what} (not asked again for another ${waitS} s)`, { cause: error });
}

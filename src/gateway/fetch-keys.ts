import { fetchText } from "../auth/fetch-text.ts";

/**
 * Gets the document behind a `jwks_uri`, as text. `ageMs`: for how long it has been known already, 0 when it was
 * fetched for this call. Rejects with an Error that says what happened.
 */
export type FetchKeys = (url: URL, signal: AbortSignal) => Promise<KeyDocument>;

export interface KeyDocument {
  readonly text: string;
  readonly ageMs: number;
}

/** JK-4: one fetch may take this long. */
const FETCH_TIMEOUT_MS = 30_000;

/** From the key servers themselves. */
export function keyServers(reach: {
  readonly ca: readonly string[];
  readonly resolve: ReadonlyMap<string, string>;
}): FetchKeys {
  return async (url, signal) => {
    const { status, text } = await fetchText({
      ...reach,
      url,
      timeoutMs: FETCH_TIMEOUT_MS,
      signal,
    });
    if (status !== 200) throw new Error(`answered HTTP ${status}`);
    return { text, ageMs: 0 };
  };
}

import { parseKeySet } from "../../auth/key-set.ts";
import type { FetchKeys, KeyDocument } from "../fetch-keys.ts";
import { CACHE_MS } from "../key-sets.ts";
import { SharedFetch } from "./shared-fetch.ts";

/**
 * Key documents for several gateways: each is fetched once, whoever asks first. Its age goes with it, so that all of
 * them look again at the same time and none keeps keys for longer than one alone would (JK-1).
 */
export function sharedKeys(
  fetchKeys: FetchKeys,
  { nowMs }: { readonly nowMs: () => number },
): ((url: URL) => Promise<KeyDocument>) & Disposable {
  const shared = new SharedFetch({
    fetch: async (href, signal) => {
      const { text } = await fetchKeys(new URL(href), signal);
      return { text, isUsable: "keys" in parseKeySet(text) };
    },
    // A document that holds no keys is asked for again as soon as somebody wants it.
    isFresh: ({ value, atMs }, now) => value.isUsable && now >= atMs && now < atMs + CACHE_MS,
    nowMs,
  });
  const source = async (url: URL): Promise<KeyDocument> => {
    const { value, atMs } = await shared.get(url.href);
    return { text: value.text, ageMs: Math.max(nowMs() - atMs, 0) };
  };
  return Object.assign(source, { [Symbol.dispose]: () => shared[Symbol.dispose]() });
}

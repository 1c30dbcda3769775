import type { TokenSource } from "../../auth/token-source.ts";
import { HEADER_SAFE } from "../backend-tokens.ts";
import { tokenLife } from "../token-life.ts";
import { SharedFetch } from "./shared-fetch.ts";

/** TK-5: one fetch may take this long. */
const FETCH_TIMEOUT_MS = 30_000;

/** Backend tokens for several gateways: one mint an audience, until a gateway alone would want a new one (TK-4). */
export function sharedTokens(
  mint: TokenSource,
  { nowMs }: { readonly nowMs: () => number },
): TokenSource & Disposable {
  const shared = new SharedFetch({
    fetch: (audience, signal) =>
      mint(audience, AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)])),
    // Its life counts from when it was minted. A clock that was set back says nothing about how old it is.
    isFresh: ({ value, atMs }, now) =>
      HEADER_SAFE.test(value.value) && now >= atMs && now < tokenLife(value, atMs).refreshAtMs,
    nowMs,
  });
  const source: TokenSource = async (audience) => (await shared.get(audience)).value;
  return Object.assign(source, { [Symbol.dispose]: () => shared[Symbol.dispose]() });
}

import type { IdToken } from "../auth/token-source.ts";

/** TK-4: what an ID token is taken to live, whatever it says; a shorter `exp` counts. */
export const ASSUMED_LIFE_MS = 3_599_000;
/** TK-4: fetched anew this long before the end. */
const REFRESH_BEFORE_MS = 60_000;

/** When a token that came at `nowMs` is to be fetched anew, and from when on it is no longer sent. */
export function tokenLife(
  token: IdToken,
  nowMs: number,
): { readonly refreshAtMs: number; readonly expiresAtMs: number } {
  const expiresAtMs = Math.min(nowMs + ASSUMED_LIFE_MS, token.expiresAtMs);
  // A token that lives less than a minute and a half is fetched anew after two thirds, not at once and for ever.
  const lifeMs = Math.max(expiresAtMs - nowMs, 0);
  return { refreshAtMs: expiresAtMs - Math.min(REFRESH_BEFORE_MS, lifeMs / 3), expiresAtMs };
}

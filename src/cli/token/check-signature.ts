import { fetchText, type Reach } from "../../auth/fetch-text.ts";
import { parseKeySet } from "../../auth/key-set.ts";
import { parseToken } from "../../auth/parse-token.ts";
import { verifySignature } from "../../auth/verify-signature.ts";
import { signatureRemoved } from "./token-facts.ts";

/** What is known about a token's signature. `ok` undefined: not checked, and `detail` says why. */
export interface SignatureCheck {
  readonly ok: boolean | undefined;
  readonly detail: string;
}

/** One place to look for an issuer's keys. */
export interface KeyPlace {
  readonly url: URL;
  /** How it is called in words: `the running callpath dev`. */
  readonly name: string;
}

/** Check a token with the first key set that has its key. A place that cannot be reached is named, not fatal. */
export async function checkSignature(
  token: string,
  places: readonly KeyPlace[],
  reach: Reach,
): Promise<SignatureCheck> {
  if (token.endsWith(`.${signatureRemoved}`))
    return { ok: undefined, detail: "removed by Cloud Run, as for every token it has checked" };
  const parsed = parseToken(token);
  if ("fault" in parsed) return { ok: false, detail: parsed.fault };
  const misses: string[] = [];
  let isSomebodySilent = places.length === 0;
  for (const { url, name } of places) {
    const keys = await keysAt(url, reach);
    if (typeof keys === "string") {
      isSomebodySilent = true;
      misses.push(`${name}: ${keys}`);
      continue;
    }
    const fault = verifySignature(parsed, keys);
    if (fault === undefined) return { ok: true, detail: `good, by a key of ${name}` };
    if (fault === "Jwt verification fails")
      return { ok: false, detail: `wrong: not made with the key of ${name} it names` };
    misses.push(`${name} has no key ${parsed.header.kid ?? "for it"}`);
  }
  const detail =
    misses.length === 0
      ? "nobody is known who has the issuer's keys; name them with --jwks URL"
      : misses.join("; ");
  return { ok: isSomebodySilent ? undefined : false, detail };
}

/** Keys have to come fast in a command somebody waits for. */
const KEYS_TIMEOUT_MS = 5_000;

async function keysAt(url: URL, reach: Reach) {
  try {
    const { status, text } = await fetchText({ ...reach, url, timeoutMs: KEYS_TIMEOUT_MS });
    if (status !== 200) return `HTTP ${status}`;
    const keys = parseKeySet(text);
    return "fault" in keys ? keys.detail : keys;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Where an issuer publishes its keys: Google's is known, others are asked by OpenID Connect discovery. */
export async function keyPlaceOf(issuer: unknown, reach: Reach): Promise<KeyPlace | undefined> {
  if (issuer === "https://accounts.google.com" || issuer === "accounts.google.com")
    return { url: new URL("https://www.googleapis.com/oauth2/v3/certs"), name: "Google" };
  const root = typeof issuer === "string" ? URL.parse(issuer) : null;
  if (root === null || !/^https?:$/.test(root.protocol)) return undefined;
  const url = new URL(`${root.href.replace(/\/+$/, "")}/.well-known/openid-configuration`);
  try {
    const { text } = await fetchText({ ...reach, url, timeoutMs: KEYS_TIMEOUT_MS });
    const { jwks_uri } = JSON.parse(text) as { jwks_uri?: unknown };
    const found = typeof jwks_uri === "string" ? URL.parse(jwks_uri) : null;
    return found === null ? undefined : { url: found, name: root.host };
  } catch {
    return undefined;
  }
}

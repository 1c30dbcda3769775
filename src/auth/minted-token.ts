import { MintError } from "./mint-error.ts";
import { maxTokenBytes, parseToken } from "./parse-token.ts";
import type { IdToken } from "./token-source.ts";

export interface Minted {
  readonly value: string;
  readonly audience: string;
  /** Who minted it, for messages. */
  readonly from: string;
  /**
   * Set: what is no JWT passes as it is and is taken to live 3599 s from now, as Google's data plane takes every token
   * (TK-4). Default: it is refused.
   */
  readonly nowMs?: (() => number) | undefined;
}

/** TK-4: what ESPv2 assumes of a token it does not read. */
const assumedLifetimeMs = 3_599_000;

/** Believe an issuer only so far: what it minted is a token, for the audience asked for. Throws a MintError. */
export function readMintedToken({ value, audience, from, nowMs }: Minted): IdToken {
  const refuse = (why: string, fix: string): never => {
    throw new MintError({ audience, from, why, fix });
  };
  if (value.length > maxTokenBytes || !/^[\x21-\x7e]+$/.test(value))
    return refuse("the answer is no token", "Check that this is the address of a token issuer.");
  const token = parseToken(value);
  if ("fault" in token) {
    if (nowMs !== undefined) return { value, expiresAtMs: nowMs() + assumedLifetimeMs };
    return refuse(
      `the answer is no ID token (${token.fault})`,
      "Check that this issuer mints OIDC ID tokens; an access token is something else.",
    );
  }
  const { aud, exp } = token.claims;
  if (!aud.includes(audience))
    return refuse(
      `the token it minted is for ${aud.map((one) => `"${one}"`).join(", ") || "no audience"}`,
      "Only service accounts mint for any audience: use a key file, or impersonate one.",
    );
  if (exp === undefined)
    return refuse("the token it minted never expires (no exp)", "Check the issuer.");
  return { value, expiresAtMs: exp * 1000 };
}

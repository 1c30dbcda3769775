import { googleClaims, type TokenMaker } from "../token-maker.ts";

/** A token that somebody made who has no key of the issuer. */
export interface ForgedToken {
  readonly how: string;
  readonly value: string;
}

/**
 * Every way to say "I am `email`" without the issuer's signature.
 *
 * @param real a live token of the issuer, of anybody: its key id and its signature are borrowed
 */
export function forgedTokens(
  email: string,
  audience: string,
  real: string,
  maker: TokenMaker,
): readonly ForgedToken[] {
  const [header = "", , signature = ""] = real.split(".");
  const claims = googleClaims(Date.now(), audience, email);
  const payload = segment(claims);
  const { kid } = JSON.parse(Buffer.from(header, "base64url").toString()) as { kid: string };
  return [
    { how: "unsigned", value: `${segment({ alg: "none", typ: "JWT" })}.${payload}.` },
    {
      how: "unsigned, with some signature",
      value: `${segment({ alg: "none", kid, typ: "JWT" })}.${payload}.${signature}`,
    },
    {
      how: "signature-less, as Cloud Run passes tokens on",
      value: `${header}.${payload}.SIGNATURE_REMOVED_BY_GOOGLE`,
    },
    { how: "under another token's signature", value: `${header}.${payload}.${signature}` },
    {
      how: "signed with another key under the issuer's key id",
      value: maker.mint(claims, { kid }),
    },
  ];
}

/** What the gateway sends on as the caller's claims (HD-1). */
export function userInfo(email: string, audience: string): string {
  return segment(googleClaims(Date.now(), audience, email));
}

function segment(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

import { constants, createHmac, timingSafeEqual, verify } from "node:crypto";
import type { KeySet, VerificationKey } from "./key-set.ts";
import type { Algorithm, ParsedToken } from "./parse-token.ts";

export type SignatureFault =
  /** No key with the token's kid and algorithm. */
  | "Jwks doesn't have key to match kid or alg from Jwt"
  /** A key fits, the signature does not. */
  | "Jwt verification fails";

/**
 * Check a token's signature with the keys of its issuer, synchronously. undefined: it is good.
 * JV-4: with a `kid`, keys of that id (and keys that have none); without, every key; a key's own `alg` must be the
 * token's. The key's kind decides what is computed: a public key never serves as an HMAC secret, an EC key checks
 * its curve's algorithm only.
 */
export function verifySignature(token: ParsedToken, keySet: KeySet): SignatureFault | undefined {
  const { alg, kid } = token.header;
  let signed: Buffer | undefined;
  for (const key of keySet.keys) {
    if (kid !== undefined && key.kid !== undefined && key.kid !== kid) continue;
    if (key.alg !== undefined && key.alg !== alg) continue;
    signed ??= Buffer.from(token.signingInput, "latin1");
    if (isSignedBy(key, alg, signed, token.signature)) return undefined;
  }
  return signed === undefined
    ? "Jwks doesn't have key to match kid or alg from Jwt"
    : "Jwt verification fails";
}

function isSignedBy(
  entry: VerificationKey,
  alg: Algorithm,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const hash = `sha${alg.slice(2)}`;
  switch (entry.kind) {
    case "RSA":
      if (alg.startsWith("RS")) return verify(hash, signed, entry.key, signature);
      return alg.startsWith("PS") && isPssSigned(entry, hash, signed, signature);
    case "EC":
      if (alg !== algorithmOf[entry.curve]) return false;
      // RFC 7518, 3.4: R and S side by side, not DER.
      return verify(hash, signed, { key: entry.key, dsaEncoding: "ieee-p1363" }, signature);
    case "Ed25519":
      return alg === "EdDSA" && verify(undefined, signed, entry.key, signature);
    case "secret": {
      if (!alg.startsWith("HS")) return false;
      const mac = createHmac(hash, entry.key).update(signed).digest();
      return mac.length === signature.length && timingSafeEqual(mac, signature);
    }
  }
}

const algorithmOf = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" } as const;

/** RFC 7518, 3.5: the salt is as long as the hash. */
function isPssSigned(
  { key }: VerificationKey,
  hash: string,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return verify(hash, signed, { key, padding, saltLength }, signature);
}

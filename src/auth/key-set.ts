import {
  createPublicKey,
  createSecretKey,
  type JsonWebKeyInput,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { decodeBase64url } from "./decode-base64url.ts";
import { type JsonObject, parseJsonObject } from "./parse-json.ts";
import { type Algorithm, algorithms } from "./parse-token.ts";

export type Curve = "P-256" | "P-384" | "P-521";

/** One key of a key set, ready for use. What kind it is decides which algorithms it may check, never the token. */
export type VerificationKey = {
  readonly kid: string | undefined;
  /** When set, only tokens of this algorithm (JV-4). */
  readonly alg: Algorithm | undefined;
  readonly key: KeyObject;
} & (
  | { readonly kind: "RSA" }
  | { readonly kind: "EC"; readonly curve: Curve }
  | { readonly kind: "Ed25519" }
  /** A shared secret, from an `oct` key only. */
  | { readonly kind: "secret" }
);

/** The keys of one issuer. Its identity is the epoch of everything that was checked with it. */
export interface KeySet {
  readonly keys: readonly VerificationKey[];
}

export interface KeySetFault {
  /** Envoy's words. */
  readonly fault: string;
  /** What is wrong with the document, for logs. */
  readonly detail: string;
}

/** Google's sets have two to five keys. Against: an answer that fills memory or makes each token cost hundreds of checks. */
export const maxKeySetBytes = 512 * 1024;
export const maxKeys = 100;
/** Against: keys so large that one check takes a core for milliseconds. */
const maxRsaBits = 8192;
const minRsaBits = 1024;

/**
 * Read a JWKS (RFC 7517) or Google's JSON object of kid -> PEM (X.509 certificate or public key), AP-5. Keys that
 * cannot be used (encryption keys, unknown types, damaged ones) are skipped; a set with none left is a fault.
 */
export function parseKeySet(body: string): KeySet | KeySetFault {
  const unreadable = "Jwks remote fetch is failed";
  if (body.length > maxKeySetBytes)
    return { fault: unreadable, detail: `key set is larger than ${maxKeySetBytes} bytes` };
  const json = parseJsonObject(body);
  if (json === undefined)
    return { fault: unreadable, detail: "key set is not a JSON object with distinct names" };
  const entries = json.keys;
  if (entries !== undefined && !Array.isArray(entries))
    return { fault: unreadable, detail: '"keys" of the key set is not a list' };
  const found = entries === undefined ? pemEntries(json) : entries.map(jwkEntry);
  if (found === undefined)
    return {
      fault: unreadable,
      detail: 'neither a JWKS ("keys": [...]) nor a JSON object of key id -> PEM',
    };
  if (found.length > maxKeys)
    return { fault: unreadable, detail: `key set has ${found.length} keys; at most ${maxKeys}` };
  const keys = found.filter((key) => key !== undefined);
  return keys.length > 0
    ? { keys }
    : {
        fault: "Jwks doesn't have any valid public key",
        detail: `none of the ${found.length} keys of the set can check a signature`,
      };
}

type Candidate = VerificationKey | undefined;

function pemEntries(json: JsonObject): readonly Candidate[] | undefined {
  const entries = Object.entries(json);
  if (entries.length === 0) return undefined;
  if (!entries.every(([kid, pem]) => kid !== "" && typeof pem === "string" && isPem(pem)))
    return undefined;
  return entries.map(([kid, pem]) => pemKey(kid, String(pem)));
}

const isPem = (text: string): boolean =>
  /^-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\r?\n/.test(text);

function pemKey(kid: string, pem: string): Candidate {
  try {
    const isCertificate = pem.startsWith("-----BEGIN CERTIFICATE-----");
    const key = isCertificate ? new X509Certificate(pem).publicKey : createPublicKey(pem);
    return publicKeyEntry(kid, undefined, key);
  } catch {
    return undefined; // damaged: skipped, as its fellows are still good
  }
}

function jwkEntry(value: unknown): Candidate {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const jwk = value as JsonObject;
  const { kid, alg, use, kty } = jwk;
  if (kid !== undefined && typeof kid !== "string") return undefined;
  if (alg !== undefined && !algorithms.includes(alg as Algorithm)) return undefined;
  if (use !== undefined && use !== "sig") return undefined;
  const id = kid === "" ? undefined : kid;
  const algorithm = alg as Algorithm | undefined;
  if (kty === "oct") return secretEntry(id, algorithm, jwk.k);
  try {
    const key = createPublicKey({ key: publicPart(jwk), format: "jwk" });
    return publicKeyEntry(id, algorithm, key);
  } catch {
    return undefined; // unknown type or curve, missing or damaged numbers: skipped
  }
}

/** Only what a public key is made of: a `d` must not turn it into a private one. */
function publicPart({ kty, crv, n, e, x, y }: JsonObject): JsonWebKeyInput["key"] {
  const parts = Object.entries({ kty, crv, n, e, x, y }).filter(([, part]) => part !== undefined);
  return Object.fromEntries(parts) as JsonWebKeyInput["key"];
}

function secretEntry(kid: string | undefined, alg: Algorithm | undefined, k: unknown): Candidate {
  if (alg !== undefined && !alg.startsWith("HS")) return undefined;
  const bytes = typeof k === "string" ? decodeBase64url(k) : undefined;
  if (bytes === undefined || bytes.length === 0) return undefined;
  return { kind: "secret", kid, alg, key: createSecretKey(bytes) };
}

const curves: ReadonlyMap<string | undefined, readonly [Curve, Algorithm]> = new Map([
  ["prime256v1", ["P-256", "ES256"]],
  ["secp384r1", ["P-384", "ES384"]],
  ["secp521r1", ["P-521", "ES512"]],
]);

function publicKeyEntry(
  kid: string | undefined,
  alg: Algorithm | undefined,
  key: KeyObject,
): Candidate {
  const { modulusLength = 0, publicExponent, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa": {
      if (alg !== undefined && !/^[RP]S/.test(alg)) return undefined;
      const fits = modulusLength >= minRsaBits && modulusLength <= maxRsaBits;
      const isUsual = publicExponent === 3n || publicExponent === 65537n; // Envoy takes no others
      return fits && isUsual ? { kind: "RSA", kid, alg, key } : undefined;
    }
    case "ec": {
      const [curve, curveAlg] = curves.get(namedCurve) ?? [];
      if (curve === undefined || (alg !== undefined && alg !== curveAlg)) return undefined;
      return { kind: "EC", curve, kid, alg, key };
    }
    case "ed25519":
      return alg === undefined || alg === "EdDSA" ? { kind: "Ed25519", kid, alg, key } : undefined;
    default:
      return undefined;
  }
}

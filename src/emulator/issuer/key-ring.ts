import { createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import type { Lie } from "./fault.ts";
import { type SigningKey, toCertificate, toJwk } from "./signing-key.ts";

/**
 * The issuer's own keys, as values: which one signs now, and what is published. A key is published before it signs, and
 * stays published after another took over, for as long as its tokens live.
 */
export interface KeyRing {
  /** Oldest first, never empty. */
  readonly keys: readonly SigningKey[];
  /** Google's v3 form: {"keys": [JWK, …]}. */
  readonly keySetJson: string;
  /** Google's v1 form: {kid: PEM certificate, …}. */
  readonly certificatesJson: string;
}

export function keyRing(keys: readonly SigningKey[]): KeyRing {
  const certificates = keys.map((key) => [key.kid, toCertificate(key.publicKey, SUBJECT, key)]);
  return {
    keys,
    keySetJson: JSON.stringify({ keys: keys.map((key) => toJwk(key.kid, key.publicKey)) }, null, 2),
    certificatesJson: JSON.stringify(Object.fromEntries(certificates), null, 2),
  };
}

/** The newest key whose time has come; the oldest when the clock was set back behind all. */
export function signingNow({ keys }: KeyRing, nowMs: number): SigningKey {
  const current = keys.findLast((key) => key.signFromMs <= nowMs) ?? keys[0];
  if (current === undefined) throw new Error("a key ring is never empty");
  return current;
}

/** Add a key; keys that have not signed for longer than their tokens live go, and the oldest above MAX_PUBLISHED_KEYS. */
export function withKey({ keys }: KeyRing, key: SigningKey, nowMs: number): KeyRing {
  const kept = keys.filter(
    (_, i) => (keys[i + 1] ?? key).signFromMs > nowMs - KEEP_AFTER_LAST_USE_MS,
  );
  return keyRing([...kept, key].slice(-MAX_PUBLISHED_KEYS));
}

/** What a lying issuer publishes in place of the ring's keys. */
export function falsified(ring: KeyRing, lie: Lie | undefined): KeyRing {
  if (lie === "no-keys") return { ...ring, keySetJson: '{"keys": []}', certificatesJson: "{}" };
  if (lie !== "other-keys") return ring;
  const [signer] = ring.keys;
  if (signer === undefined) return ring;
  const others = ring.keys.map(({ kid }) => ({ kid, publicKey: someoneElsesKey() }));
  const certificates = others.map(({ kid, publicKey }) => [
    kid,
    toCertificate(publicKey, SUBJECT, signer),
  ]);
  return {
    ...ring,
    keySetJson: JSON.stringify({ keys: others.map(({ kid, publicKey }) => toJwk(kid, publicKey)) }),
    certificatesJson: JSON.stringify(Object.fromEntries(certificates)),
  };
}

/** A well-formed 2048-bit key whose private half nobody has. */
function someoneElsesKey(): KeyObject {
  const modulus = randomBytes(256);
  modulus[0] = 0xc0 | (modulus[0] ?? 0);
  modulus[255] = 1 | (modulus[255] ?? 0);
  return createPublicKey({
    key: { kty: "RSA", n: modulus.toString("base64url"), e: "AQAB" },
    format: "jwk",
  });
}

/** As Google's own certificates are called. */
const SUBJECT = "federated-signon.system.gserviceaccount.com";
/** An ID token lives one hour; verifiers allow for some minutes of skew. */
const KEEP_AFTER_LAST_USE_MS = 2 * 3_600_000;
/** A key set stays small however often a test rotates. */
const MAX_PUBLISHED_KEYS = 8;

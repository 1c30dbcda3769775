import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";
import { createCertificate } from "../x509/certificate.ts";
import { clientAuthUsage, leafConstraints, signatureKeyUsage } from "../x509/extensions.ts";

/** An RSA key that signs, and the name its public half is found under. */
export interface SigningKey {
  /** 40 hex digits, made from the key itself. */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Published from the start, it signs from here on. */
  readonly signFromMs: number;
}

/** A new 2048-bit key, made beside the event loop: it takes tens of milliseconds, sometimes hundreds. */
export async function generateRsaKey(): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return privateKey;
}

export function signingKey(
  privateKey: KeyObject,
  createdAtMs: number,
  signFromMs: number,
): SigningKey {
  const publicKey = createPublicKey(privateKey);
  return { kid: keyIdOf(publicKey), privateKey, publicKey, createdAtMs, signFromMs };
}

/** An RSA private key from PEM; throws on anything else. */
export function readRsaKey(pem: string): KeyObject {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== "rsa") throw new Error("not an RSA key");
  return key;
}

/** How Google names keys: 40 hex digits. Here they follow from the key. */
export function keyIdOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex").slice(0, 40);
}

/** As in Google's /oauth2/v3/certs. */
export function toJwk(kid: string, publicKey: KeyObject): Readonly<Record<string, unknown>> {
  const { n, e } = publicKey.export({ format: "jwk" });
  return { kty: "RSA", alg: "RS256", use: "sig", kid, n, e };
}

/** As in Google's /oauth2/v1/certs: a certificate, because that is the form; nobody checks who signed it. */
export function toCertificate(publicKey: KeyObject, subject: string, signer: SigningKey): string {
  return createCertificate({
    subject,
    issuer: subject,
    publicKey,
    signingKey: signer.privateKey,
    notBeforeMs: signer.createdAtMs - DAY_MS,
    notAfterMs: signer.createdAtMs + 3650 * DAY_MS,
    serial: Buffer.from(keyIdOf(publicKey).slice(0, 16), "hex"),
    extensions: [leafConstraints(), signatureKeyUsage(), clientAuthUsage()],
  });
}

const DAY_MS = 86_400_000;

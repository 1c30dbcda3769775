import { type KeyObject, randomBytes, sign } from "node:crypto";
import {
  bitString,
  contextConstructed,
  type Der,
  nullValue,
  objectIdentifier,
  sequence,
  setOf,
  time,
  unsignedInteger,
  utf8String,
} from "./der.ts";

/** What one X.509 certificate says, and who signs it. */
export interface CertificateContent {
  /** Common names of whose key it is and of who says so; at most 64 characters each. */
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  /** EC P-256 or RSA. */
  readonly signingKey: KeyObject;
  /** Milliseconds since the epoch, cut to whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** In order; see extensions.ts. */
  readonly extensions: readonly Der[];
  /** Big-endian; default 16 random bytes. */
  readonly serial?: Uint8Array;
}

/**
 * Sign a certificate, version 3, SHA-256. Returns PEM. node:crypto reads certificates but makes none.
 * @see RFC 5280, section 4.1
 */
export function createCertificate(content: CertificateContent): string {
  const algorithm = signatureAlgorithm(content.signingKey);
  const toBeSigned = sequence(
    contextConstructed(0, unsignedInteger(Uint8Array.of(2))), // v3
    unsignedInteger(content.serial ?? randomSerial()),
    algorithm,
    name(content.issuer),
    sequence(time(content.notBeforeMs), time(content.notAfterMs)),
    name(content.subject),
    Uint8Array.from(content.publicKey.export({ type: "spki", format: "der" })),
    contextConstructed(3, sequence(...content.extensions)),
  );
  const signature = sign("sha256", toBeSigned, content.signingKey);
  return toPem(sequence(toBeSigned, algorithm, bitString(signature)));
}

function signatureAlgorithm(key: KeyObject): Der {
  switch (key.asymmetricKeyType) {
    case "ec": // ecdsa-with-SHA256
      return sequence(objectIdentifier("1.2.840.10045.4.3.2"));
    case "rsa": // sha256WithRSAEncryption
      return sequence(objectIdentifier("1.2.840.113549.1.1.11"), nullValue());
    default:
      throw new Error(`certificates are signed by EC or RSA keys, not ${key.asymmetricKeyType}`);
  }
}

/** A distinguished name of organisation and common name. */
function name(commonName: string): Der {
  return sequence(
    setOf(sequence(objectIdentifier("2.5.4.10"), utf8String("Callpath on this machine"))),
    setOf(sequence(objectIdentifier("2.5.4.3"), utf8String(commonName.slice(0, 64)))),
  );
}

/** Positive and of one length, as strict readers want it. */
function randomSerial(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function toPem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

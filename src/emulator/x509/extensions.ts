import { createHash, type KeyObject } from "node:crypto";
import { domainToASCII } from "node:url";
import {
  bitString,
  boolean,
  contextPrimitive,
  type Der,
  objectIdentifier,
  octetString,
  sequence,
  unsignedInteger,
} from "./der.ts";
import { ipAddressBytes } from "./ip-address.ts";

/** The extensions of RFC 5280 4.2.1 that Go's and OpenSSL's checks look at. */

/** An authority that signs leaves only: no authority below it. */
export function authorityConstraints(): Der {
  return extension("2.5.29.19", true, sequence(boolean(true), unsignedInteger(Uint8Array.of(0))));
}

/** Not an authority: CA is FALSE, which DER leaves out. */
export function leafConstraints(): Der {
  return extension("2.5.29.19", true, sequence());
}

/** keyCertSign and cRLSign. */
export function authorityKeyUsage(): Der {
  return extension("2.5.29.15", true, bitString(Uint8Array.of(0b0000_0110), 1));
}

/** digitalSignature: what a TLS 1.3 server, and a token's signer, does. */
export function signatureKeyUsage(): Der {
  return extension("2.5.29.15", true, bitString(Uint8Array.of(0b1000_0000), 7));
}

export function serverAuthUsage(): Der {
  return extension("2.5.29.37", false, sequence(objectIdentifier("1.3.6.1.5.5.7.3.1")));
}

export function clientAuthUsage(): Der {
  return extension("2.5.29.37", false, sequence(objectIdentifier("1.3.6.1.5.5.7.3.2")));
}

export function subjectKeyIdentifier(publicKey: KeyObject): Der {
  return extension("2.5.29.14", false, octetString(keyIdentifier(publicKey)));
}

export function authorityKeyIdentifier(publicKey: KeyObject): Der {
  return extension("2.5.29.35", false, sequence(contextPrimitive(0, keyIdentifier(publicKey))));
}

/** DNS names and IP addresses the certificate is for. Throws on what is neither. */
export function subjectAltName(hosts: readonly string[]): Der {
  return extension("2.5.29.17", false, sequence(...hosts.map(generalName)));
}

/** 20 bytes that name a key (RFC 7093, method 4, with SHA-256 cut to 160 bits). */
export function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest().subarray(0, 20);
}

function generalName(host: string): Der {
  const address = ipAddressBytes(host);
  if (address !== undefined) return contextPrimitive(7, address);
  const name = host.startsWith("*.") ? `*.${domainToASCII(host.slice(2))}` : domainToASCII(host);
  if (!DNS_NAME.test(name) || name.length > MAX_DNS_NAME) {
    throw new Error(
      `a certificate cannot be for ${JSON.stringify(host)}: give a DNS name such as localhost, or an IP address without port`,
    );
  }
  return contextPrimitive(2, new TextEncoder().encode(name));
}

function extension(id: string, isCritical: boolean, value: Der): Der {
  const critical = isCritical ? [boolean(true)] : []; // FALSE is the default, which DER leaves out
  return sequence(objectIdentifier(id), ...critical, octetString(value));
}

const DNS_NAME = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;
const MAX_DNS_NAME = 253;

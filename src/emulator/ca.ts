import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { join } from "node:path";
import {
  closeToOthers,
  createPrivateFile,
  readFileIfThere,
  setAside,
  writePublicFile,
} from "./private-file.ts";
import { createCertificate } from "./x509/certificate.ts";
import {
  authorityConstraints,
  authorityKeyIdentifier,
  authorityKeyUsage,
  keyIdentifier,
  leafConstraints,
  serverAuthUsage,
  signatureKeyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from "./x509/extensions.ts";

/** A certificate authority of this machine alone; nothing is ever put into the system's trust store. */
export interface LocalCa {
  readonly certPem: string;
  /** Where the certificate lies, for --cacert and the like. */
  readonly certFile: string;
  /** A new TLS server certificate (EC P-256, 397 days) for DNS names and IP addresses. Throws on what is neither. */
  issue(hosts: readonly string[]): { readonly cert: string; readonly key: string };
}

export interface LocalCaOptions {
  readonly nowMs: () => number;
  /** One line for the user: a file was unusable and was set aside, a certificate was renewed. Default: said to nobody. */
  readonly log?: (message: string) => void;
}

/**
 * Open the authority kept in `stateDir` (ca.pem, and ca-key.pem with 0600), or make it. The key is the authority: its
 * certificate is written again, under the same name and key, when it is missing, broken, or has under 400 days left.
 * A file that cannot be used is set aside, never overwritten. Throws when the folder cannot be read or written.
 */
export function openLocalCa(stateDir: string, options: LocalCaOptions): LocalCa {
  const certFile = join(stateDir, "ca.pem");
  const key = openKey(join(stateDir, "ca-key.pem"), options);
  const publicKey = createPublicKey(key);
  const name = `Callpath local CA ${Buffer.from(keyIdentifier(publicKey)).toString("hex", 0, 4)}`;
  const certPem = openCertificate(certFile, name, key, publicKey, options);
  const caNotAfterMs = new X509Certificate(certPem).validToDate.getTime();
  return {
    certPem,
    certFile,
    issue(hosts) {
      const [first] = hosts;
      if (first === undefined) throw new Error("a certificate needs at least one host name");
      const leaf = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const cert = createCertificate({
        subject: first,
        issuer: name,
        publicKey: leaf.publicKey,
        signingKey: key,
        notBeforeMs: options.nowMs() - BACKDATED_MS,
        notAfterMs: Math.min(options.nowMs() + LEAF_LIFETIME_MS, caNotAfterMs),
        extensions: [
          leafConstraints(),
          signatureKeyUsage(),
          serverAuthUsage(),
          subjectAltName(hosts),
          subjectKeyIdentifier(leaf.publicKey),
          authorityKeyIdentifier(publicKey),
        ],
      });
      return { cert, key: leaf.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
  };
}

/** Of several programs that start at once, the first to create the file decides. */
function openKey(file: string, { nowMs, log }: LocalCaOptions): KeyObject {
  for (let attempt = 0; attempt < MAX_OPEN_ATTEMPTS; attempt++) {
    const pem = readFileIfThere(file);
    if (pem === undefined) {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const text = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      if (createPrivateFile(file, text)) return privateKey;
      continue;
    }
    const key = readKey(pem);
    if (key === undefined) {
      const aside = setAside(file, nowMs());
      log?.(`${file} holds no usable EC P-256 key: kept as ${aside}, a new local CA is made`);
      continue;
    }
    if (closeToOthers(file)) log?.(`${file} could be read by others: now 0600`);
    return key;
  }
  throw new Error(`${file} keeps changing: another program is writing it; stop that and try again`);
}

function readKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
  } catch {
    return undefined; // not PEM, or encrypted: the caller says so
  }
}

function openCertificate(
  file: string,
  name: string,
  key: KeyObject,
  publicKey: KeyObject,
  { nowMs, log }: LocalCaOptions,
): string {
  const pem = readFileIfThere(file);
  if (pem !== undefined) {
    const certificate = readCertificate(pem);
    if (certificate?.checkPrivateKey(key) && certificate.ca) {
      const { validFromDate, validToDate } = certificate;
      const isLive = validFromDate.getTime() <= nowMs();
      if (isLive && validToDate.getTime() - nowMs() > RENEW_BEFORE_MS) return pem;
      log?.(
        `${file} is renewed: it was valid from ${validFromDate.toISOString()} to ${validToDate.toISOString()}`,
      );
    } else {
      const aside = setAside(file, nowMs());
      log?.(`${file} is not the certificate of ca-key.pem: kept as ${aside}, a new one is written`);
    }
  }
  const made = createCertificate({
    subject: name,
    issuer: name,
    publicKey,
    signingKey: key,
    notBeforeMs: nowMs() - 24 * BACKDATED_MS,
    notAfterMs: nowMs() + CA_LIFETIME_MS,
    extensions: [
      authorityConstraints(),
      authorityKeyUsage(),
      subjectKeyIdentifier(publicKey),
      authorityKeyIdentifier(publicKey),
    ],
  });
  writePublicFile(file, made);
  return made;
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined; // not a certificate: the caller says so
  }
}

const DAY_MS = 86_400_000;
/** Clocks of two machines, or of a container and its host, differ. */
const BACKDATED_MS = 3_600_000;
/** Browsers accept no longer ones. */
const LEAF_LIFETIME_MS = 397 * DAY_MS;
const CA_LIFETIME_MS = 3650 * DAY_MS;
/** A leaf made today must fit into what is left. */
const RENEW_BEFORE_MS = 400 * DAY_MS;
const MAX_OPEN_ATTEMPTS = 5;

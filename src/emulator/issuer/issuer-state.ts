import { createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import { closeToOthers, readFileIfThere, setAside, writePrivateFile } from "../private-file.ts";
import { generateRsaKey, keyIdOf, readRsaKey, type SigningKey, signingKey } from "./signing-key.ts";

/** A key of a service account: the public half is registered, the private half is in its key file. */
export interface AccountKey {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** All that the issuer keeps, so that its tokens and key files outlive it. */
export interface IssuerState {
  /** Oldest first, never empty. */
  readonly signing: readonly SigningKey[];
  /** By email. */
  readonly accounts: ReadonlyMap<string, AccountKey>;
  /** Marks access tokens as ours. */
  readonly secret: Buffer;
}

/** Read the state, or make one. A file that cannot be used is set aside and said. */
export async function openIssuerState(
  file: string,
  nowMs: () => number,
  log: (message: string) => void,
): Promise<IssuerState> {
  const text = readFileIfThere(file);
  if (text !== undefined) {
    try {
      const state = readState(text);
      if (closeToOthers(file)) log(`${file} could be read by others: now 0600`);
      return state;
    } catch {
      const aside = setAside(file, nowMs()); // the parser's words could quote a key
      log(
        `${file} holds no usable issuer keys: kept as ${aside}; tokens and key files of before are void`,
      );
    }
  }
  const first = signingKey(await generateRsaKey(), nowMs(), nowMs());
  const state: IssuerState = { signing: [first], accounts: new Map(), secret: randomBytes(32) };
  saveIssuerState(file, state);
  return state;
}

export function saveIssuerState(file: string, { signing, accounts, secret }: IssuerState): void {
  const text = JSON.stringify(
    {
      version: VERSION,
      signing: signing.map(({ privateKey, createdAtMs, signFromMs }) => ({
        privateKey: toPem(privateKey),
        createdAtMs,
        signFromMs,
      })),
      accounts: Object.fromEntries(
        [...accounts].map(([email, key]) => [email, toPem(key.privateKey)]),
      ),
      accessTokenSecret: secret.toString("base64"),
    },
    null,
    2,
  );
  writePrivateFile(file, `${text}\n`);
}

export function accountKey(privateKey: KeyObject): AccountKey {
  const publicKey = createPublicKey(privateKey);
  return { keyId: keyIdOf(publicKey), publicKey, privateKey };
}

/** Throws on anything that saveIssuerState did not write. */
function readState(text: string): IssuerState {
  const { version, signing, accounts, accessTokenSecret } = record(JSON.parse(text));
  if (version !== VERSION || !Array.isArray(signing) || signing.length === 0)
    throw new Error("unknown");
  const secret = Buffer.from(string(accessTokenSecret), "base64");
  if (secret.length < 32) throw new Error("the secret is too short");
  return {
    secret,
    signing: signing
      .map(record)
      .map(({ privateKey, createdAtMs, signFromMs }) =>
        signingKey(readRsaKey(string(privateKey)), number(createdAtMs), number(signFromMs)),
      ),
    accounts: new Map(
      Object.entries(record(accounts)).map(([email, pem]) => [
        email,
        accountKey(readRsaKey(string(pem))),
      ]),
    ),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new Error("not an object");
  return value as Readonly<Record<string, unknown>>;
}

function string(value: unknown): string {
  if (typeof value !== "string") throw new Error("not a string");
  return value;
}

function number(value: unknown): number {
  if (typeof value !== "number") throw new Error("not a number");
  return value;
}

function toPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

const VERSION = 1;

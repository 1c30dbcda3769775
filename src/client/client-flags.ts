import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parseAddress } from "./address.ts";

/** What the walkthrough's flags say. */
export interface ClientFlags {
  readonly address: string;
  /** undefined: calls carry no token. */
  readonly audience: string | undefined;
  readonly servername: string | undefined;
  /** PEM, read from --cacert. */
  readonly ca: readonly string[] | undefined;
  /** Path of a key file. */
  readonly serviceAccount: string | undefined;
  readonly count: number;
  readonly help: boolean;
}

export const clientUsage = `usage: node client/main.ts [flags]
  --address HOST:PORT    TLS; https://HOST:PORT too; http://HOST:PORT is HTTP/2 without TLS (default http://127.0.0.1:8080)
  --audience AUD         who the ID token is for; without it calls carry no token
  --serviceAccount FILE  service-account key that mints the token (default: Application Default Credentials)
  --servername NAME      TLS server name, where it is not the host of the address
  --cacert FILE          PEM roots to trust instead of the ones Node trusts
  --count N              unary calls (default 10)
`;

/** Read the flags, in the walkthrough's spelling or in kebab-case; or say what is wrong with them. */
export function parseClientFlags(args: readonly string[]): ClientFlags | { usageFault: string } {
  try {
    const { values } = parseArgs({ args: [...args], options: flags });
    const { address, audience, servername, cacert, count, help } = values;
    parseAddress(address); // a wrong one is wrong usage
    if (!/^\d{1,6}$/.test(count)) throw new Error(`--count ${count}: write a number`);
    const serviceAccount = values.serviceAccount ?? values["service-account"];
    if (serviceAccount !== undefined && audience === undefined)
      throw new Error("--serviceAccount mints a token for somebody: name whom with --audience");
    const ca = cacert === undefined ? undefined : [readRoots(cacert)];
    return { address, audience, servername, ca, serviceAccount, count: Number(count), help };
  } catch (error) {
    return { usageFault: error instanceof Error ? error.message : String(error) };
  }
}

const flags = {
  address: { type: "string", default: "http://127.0.0.1:8080" },
  audience: { type: "string" },
  servername: { type: "string" },
  cacert: { type: "string" },
  serviceAccount: { type: "string" },
  "service-account": { type: "string" },
  count: { type: "string", default: "10" },
  help: { type: "boolean", default: false },
} as const;

function readRoots(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`--cacert ${file} cannot be read: ${why}`, { cause: error });
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new Error(`--cacert ${file} holds no PEM certificate`);
}

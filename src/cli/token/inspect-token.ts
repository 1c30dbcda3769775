import { maxTokenBytes } from "../../auth/parse-token.ts";
import { type Context, DONE, InputError, REFUSED, UsageError } from "../command.ts";
import { runningDevOf } from "../dev/running-dev.ts";
import { stateFolder } from "../project-file.ts";
import { readInput } from "../read-input.ts";
import { readRoots } from "../tls-files.ts";
import type { TokenFlags } from "../token.ts";
import {
  checkSignature,
  type KeyPlace,
  keyPlaceOf,
  type SignatureCheck,
} from "./check-signature.ts";
import { type TokenFacts, tokenFacts, tokenIn } from "./token-facts.ts";

/** Header, claims, validity in words, and whether the signature checks. 1: it is known not to. */
export async function inspectToken(context: Context<TokenFlags>, file: string): Promise<number> {
  const { flags, cwd, nowMs } = context;
  const token = tokenIn(await readInput(file, context, 2 * maxTokenBytes));
  const facts = tokenFacts(token, nowMs());
  const reach = flags.ca === undefined ? {} : { ca: [readRoots("ca", flags.ca, cwd)] };
  const places = await keyPlaces(context, facts);
  const signature = await checkSignature(token, places, reach);
  if (flags.json) context.print(JSON.stringify({ ...facts, signature }));
  else for (const line of printFacts(facts, signature, nowMs())) context.print(line);
  return signature.ok === false ? REFUSED : DONE;
}

/** --jwks alone when it is given; else the running dev, whose tokens name Google as issuer, then the issuer itself. */
async function keyPlaces(
  { flags, cwd }: Context<TokenFlags>,
  { claims }: TokenFacts,
): Promise<KeyPlace[]> {
  if (flags.jwks !== undefined) {
    const url = URL.parse(flags.jwks);
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new UsageError(`--jwks ${flags.jwks}: write http(s)://HOST/PATH`);
    return [{ url, name: url.host }];
  }
  const dev = await runningDevOf(stateFolder(flags.state, cwd)).catch((error) => {
    if (error instanceof InputError) return undefined;
    throw error;
  });
  const local =
    dev === undefined
      ? []
      : [{ url: new URL("/oauth2/v3/certs", dev.facts.issuer), name: "the running callpath dev" }];
  const issuer = await keyPlaceOf(claims.iss, {});
  return [...local, ...(issuer === undefined ? [] : [issuer])];
}

function printFacts(
  { header, claims, validity, fault }: TokenFacts,
  { ok, detail }: SignatureCheck,
  nowMs: number,
): string[] {
  const word = ok === undefined ? "not checked: " : ok ? "" : "refused: ";
  return [
    "header",
    ...rows(header, nowMs),
    "claims",
    ...rows(claims, nowMs),
    `validity   ${validity}`,
    ...(fault === undefined ? [] : [`form       refused: ${fault}`]),
    `signature  ${word}${detail}`,
  ];
}

const timeClaims = new Set(["exp", "iat", "nbf", "auth_time"]);

function rows(object: Readonly<Record<string, unknown>>, nowMs: number): string[] {
  const width = Math.max(...Object.keys(object).map((name) => name.length), 0);
  return Object.entries(object).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const time =
      timeClaims.has(name) && typeof value === "number" ? `  ${timeOf(value, nowMs)}` : "";
    return `  ${name.padEnd(width)}  ${text}${time}`;
  });
}

function timeOf(seconds: number, nowMs: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return "no time";
  const iso = date.toISOString();
  const isToday = iso.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10);
  return isToday ? `today ${iso.slice(11, 19)} UTC` : iso.replace(".000Z", "Z");
}

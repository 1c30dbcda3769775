import { parseToken } from "../../auth/parse-token.ts";
import { InputError } from "../command.ts";

/** Cloud Run puts this in a token's third part before it hands it to the service. */
export const signatureRemoved = "SIGNATURE_REMOVED_BY_GOOGLE";

/** What a token says of itself, for showing. Nothing here is proved. */
export interface TokenFacts {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** In words: `live: 59 min left`. */
  readonly validity: string;
  readonly isLive: boolean;
  /** What the gateway would say of its form; undefined when nothing is wrong with it. */
  readonly fault: string | undefined;
}

/** The token in what a user pasted or piped: `Bearer ` and line ends around it are no part of it. */
export function tokenIn(text: string): string {
  return text.trim().replace(/^(authorization: *)?Bearer +/i, "");
}

/** Take a token apart for reading. Throws InputError for text that is no JWT at all. */
export function tokenFacts(token: string, nowMs: number): TokenFacts {
  const parts = token.split(".");
  const header = decodePart(parts[0]);
  const claims = decodePart(parts[1]);
  if (parts.length !== 3 || header === undefined || claims === undefined)
    throw new InputError(notJwt(token));
  const parsed = parts[2] === signatureRemoved ? undefined : parseToken(token);
  return {
    header,
    claims,
    ...validityOf(claims, nowMs),
    fault: parsed !== undefined && "fault" in parsed ? parsed.fault : undefined,
  };
}

function notJwt(token: string): string {
  if (token === "") return "there is no token: the input is empty";
  const words = "no ID token (a JWT has three base64url parts with dots between)";
  return token.startsWith("ya29.")
    ? `an access token, ${words}; mint one with callpath token`
    : words;
}

function decodePart(part = ""): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** JV-2: hops grant 60 s either way. */
const LEEWAY_S = 60;

function validityOf(
  { exp, nbf, iat }: Readonly<Record<string, unknown>>,
  nowMs: number,
): { validity: string; isLive: boolean } {
  const nowS = nowMs / 1000;
  if (typeof nbf === "number" && nbf > nowS + LEEWAY_S)
    return { validity: `not valid for another ${spanOf(nbf - nowS)}`, isLive: false };
  if (typeof exp !== "number") return { validity: "live: it never expires", isLive: true };
  const lifetime = typeof iat === "number" ? ` of ${spanOf(exp - iat)}` : "";
  if (nowS <= exp) return { validity: `live: ${spanOf(exp - nowS)} left${lifetime}`, isLive: true };
  const ago = `expired ${spanOf(nowS - exp)} ago`;
  return nowS <= exp + LEEWAY_S
    ? { validity: `${ago}, within the ${LEEWAY_S} s that are granted`, isLive: true }
    : { validity: ago, isLive: false };
}

/** Seconds in the unit a reader would choose. */
function spanOf(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

import { decodeBase64url } from "./decode-base64url.ts";
import { type JsonObject, parseJsonObject } from "./parse-json.ts";

/** The signature algorithms of JV-3. `none` is not one. */
export const algorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "HS256",
  "HS384",
  "HS512",
] as const;

export type Algorithm = (typeof algorithms)[number];

/** What an ID token says; nobody believes it before the signature was checked. Times in seconds since the epoch. */
export interface IdTokenClaims {
  /** "" when the token names none. */
  readonly iss: string;
  readonly sub: string | undefined;
  /** [] when the token names none. */
  readonly aud: readonly string[];
  readonly exp: number | undefined;
  readonly nbf: number | undefined;
  readonly iat: number | undefined;
  readonly email: string | undefined;
  /** Whether `email_verified` is true, and nothing else than true. */
  readonly emailVerified: boolean;
}

/** A compact JWS, taken apart; the signature is not checked yet. */
export interface ParsedToken {
  readonly header: { readonly alg: Algorithm; readonly kid: string | undefined };
  readonly claims: IdTokenClaims;
  /** The second part as received: base64url without padding. */
  readonly payloadSegment: string;
  /** What the signature signs: the first two parts and the dot. */
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

export interface TokenFault {
  /** Envoy's exact words, e.g. "Jwt header [alg] is not supported". */
  readonly fault: string;
}

/** A token cannot be larger than the header list that carries it (LM-4). */
export const maxTokenBytes = 60 * 1024;

const badForm = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";

/**
 * Take a JWT apart in Envoy's order and name the first fault in its words (gateway-semantics, section 6). Stricter than
 * Envoy where leniency is of no use to anybody: no empty parts, padding, white space or stray bits in base64url, no name
 * twice in one JSON object, no fractions in times.
 * @see https://github.com/google/jwt_verify_lib/blob/master/src/jwt.cc
 */
export function parseToken(value: string): ParsedToken | TokenFault {
  if (value.length > maxTokenBytes) return { fault: badForm };
  const firstDot = value.indexOf(".");
  const secondDot = value.indexOf(".", firstDot + 1);
  if (firstDot <= 0 || secondDot <= firstDot + 1) return { fault: badForm };
  if (secondDot === value.length - 1 || value.includes(".", secondDot + 1))
    return { fault: badForm };

  const header = parseHeader(value.slice(0, firstDot));
  if ("fault" in header) return header;
  const payloadSegment = value.slice(firstDot + 1, secondDot);
  const claims = parsePayload(payloadSegment);
  if ("fault" in claims) return claims;
  const signature = decodeBase64url(value.slice(secondDot + 1));
  if (signature === undefined) return { fault: "Jwt signature is an invalid Base64url encoded" };
  return { header, claims, payloadSegment, signingInput: value.slice(0, secondDot), signature };
}

function parseHeader(segment: string): ParsedToken["header"] | TokenFault {
  const bytes = decodeBase64url(segment);
  if (bytes === undefined) return { fault: "Jwt header is an invalid Base64url encoded" };
  const json = parseJsonObject(bytes);
  if (json === undefined) return { fault: "Jwt header is an invalid JSON" };
  const { alg, kid } = json;
  if (typeof alg !== "string")
    return { fault: "Jwt header [alg] field is required and must be a string" };
  if (!isAlgorithm(alg)) return { fault: "Jwt header [alg] is not supported" };
  if (kid !== undefined && typeof kid !== "string")
    return { fault: "Jwt header [kid] field is not a string" };
  return { alg, kid: kid === "" ? undefined : kid };
}

function isAlgorithm(alg: string): alg is Algorithm {
  return (algorithms as readonly string[]).includes(alg);
}

function parsePayload(segment: string): IdTokenClaims | TokenFault {
  const bytes = decodeBase64url(segment);
  if (bytes === undefined) return { fault: "Jwt payload is an invalid Base64url encoded" };
  const json = parseJsonObject(bytes);
  if (json === undefined) return { fault: "Jwt payload is an invalid JSON" };
  const fault =
    stringFault(json, "iss") ??
    stringFault(json, "sub") ??
    timeFault(json, "iat") ??
    timeFault(json, "nbf") ??
    timeFault(json, "exp") ??
    stringFault(json, "jti");
  if (fault !== undefined) return { fault };
  const aud = audiencesOf(json.aud);
  if (aud === undefined) return { fault: "Jwt payload [aud] field is not a string or string list" };
  return {
    iss: optionalString(json.iss) ?? "",
    sub: optionalString(json.sub),
    aud,
    exp: optionalNumber(json.exp),
    nbf: optionalNumber(json.nbf),
    iat: optionalNumber(json.iat),
    email: optionalString(json.email),
    emailVerified: json.email_verified === true,
  };
}

function stringFault(json: JsonObject, name: string): string | undefined {
  const value = json[name];
  if (value === undefined || typeof value === "string") return undefined;
  return `Jwt payload [${name}] field is not a string`;
}

function timeFault(json: JsonObject, name: string): string | undefined {
  const value = json[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value))
    return `Jwt payload [${name}] field is not an integer`;
  return value < 0 || value >= 2 ** 64
    ? `Jwt payload [${name}] field is not a positive 64 bit integer`
    : undefined;
}

function audiencesOf(aud: unknown): readonly string[] | undefined {
  if (aud === undefined) return [];
  if (typeof aud === "string") return [aud];
  if (!Array.isArray(aud)) return undefined;
  return aud.every((one) => typeof one === "string") ? aud : undefined;
}

function optionalString(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function optionalNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

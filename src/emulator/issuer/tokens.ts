import { createHash, createHmac, sign, timingSafeEqual } from "node:crypto";
import type { IdToken } from "../../auth/token-source.ts";
import type { SigningKey } from "./signing-key.ts";

/** What an ID token is to say. */
export interface IdTokenRequest {
  readonly email: string;
  readonly audience: string;
  /** Default 3600; zero or less makes a token that has expired. */
  readonly lifetimeS?: number;
  /** Default true. */
  readonly emailVerified?: boolean;
  /** False leaves email and email_verified out, as generateIdToken does unless asked. Default true. */
  readonly includeEmail?: boolean;
  /** Authorized party; default the account's numeric id, as for tokens from a metadata server. */
  readonly authorizedParty?: string;
  /** More claims, or others in place of those above; undefined takes one away. For tests: `iss`, `iat`, `nbf`, … */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Sign an ID token with Google's claims: aud, azp, email, email_verified, exp, iat, iss, sub. */
export function mintIdToken(request: IdTokenRequest, key: SigningKey, nowMs: number): IdToken {
  const { email, audience, lifetimeS = 3600, emailVerified = true, includeEmail = true } = request;
  const iat = Math.floor(nowMs / 1000);
  const sub = numericIdOf(email);
  const claims = {
    aud: audience,
    azp: request.authorizedParty ?? sub,
    ...(includeEmail && { email, email_verified: emailVerified }),
    exp: iat + lifetimeS,
    iat,
    iss: "https://accounts.google.com",
    sub,
    ...request.claims,
  };
  const input = `${segment({ alg: "RS256", kid: key.kid, typ: "JWT" })}.${segment(claims)}`;
  const signature = sign("sha256", Buffer.from(input), key.privateKey).toString("base64url");
  const { exp } = claims as { readonly exp: unknown };
  return {
    value: `${input}.${signature}`,
    expiresAtMs: typeof exp === "number" ? exp * 1000 : nowMs,
  };
}

/** An opaque bearer token for Google's APIs. */
export interface AccessToken {
  /** Never printed, never logged. */
  readonly value: string;
  readonly expiresAtMs: number;
}

/** What an access token of ours stands for. */
export interface AccessTokenFacts {
  readonly email: string;
  readonly scopes: readonly string[];
  readonly expiresAtMs: number;
}

/** The token carries its own facts, under a keyed hash: nothing is remembered, and it outlives a restart. */
export function mintAccessToken(facts: AccessTokenFacts, secret: Uint8Array): AccessToken {
  const payload = segment(facts);
  return {
    value: `${ACCESS_TOKEN_PREFIX}${payload}.${mac(payload, secret)}`,
    expiresAtMs: facts.expiresAtMs,
  };
}

/** The facts of a live token that mintAccessToken made with this secret; undefined for every other string. */
export function readAccessToken(
  value: string,
  secret: Uint8Array,
  nowMs: number,
): AccessTokenFacts | undefined {
  const [payload, hash, ...more] = value.startsWith(ACCESS_TOKEN_PREFIX)
    ? value.slice(ACCESS_TOKEN_PREFIX.length).split(".")
    : [];
  if (payload === undefined || hash === undefined || more.length > 0) return undefined;
  const expected = Buffer.from(mac(payload, secret));
  const given = Buffer.from(hash);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const facts = JSON.parse(Buffer.from(payload, "base64url").toString()) as AccessTokenFacts;
  return facts.expiresAtMs > nowMs ? facts : undefined;
}

/** The 21 digits Google knows an account by; here they follow from the email. */
export function numericIdOf(email: string): string {
  const digest = createHash("sha256").update(email.toLowerCase()).digest("hex");
  return `1${(BigInt(`0x${digest}`) % 10n ** 20n).toString().padStart(20, "0")}`;
}

function segment(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function mac(payload: string, secret: Uint8Array): string {
  return createHmac("sha256", secret).update(payload).digest("base64url");
}

/** As Google's begin, and readable as none of Google's. */
const ACCESS_TOKEN_PREFIX = "ya29.callpath-local.";

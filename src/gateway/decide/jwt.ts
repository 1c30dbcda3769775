import type { KeySet } from "../../auth/key-set.ts";
import { parseToken } from "../../auth/parse-token.ts";
import { verifySignature } from "../../auth/verify-signature.ts";
import type { JwtLocation, JwtRequirement, RoutePolicy } from "../../config/model.ts";
import type { Field, Head } from "../../http2/head.ts";
import type { RejectionReason } from "../../rejection/reasons.ts";
import { isAudienceAllowed } from "./audience.ts";
import type { JwtFailure, JwtOutcome, NotNeeded, TokenRule, Verified } from "./jwt-outcome.ts";
import type { KeySource } from "./key-source.ts";
import { queryValue } from "./query.ts";
import {
  type CheckedToken,
  maxCachedValueBytes,
  type SeenToken,
  type VerifiedTokens,
} from "./verified-tokens.ts";

/** JV-2 */
export const leewayS = 60;

/** One call, as the checks below see it. */
interface Call {
  readonly keys: KeySource;
  readonly head: Head;
  readonly path: string;
  readonly nowS: number;
  readonly cache: VerifiedTokens | undefined;
  readonly policy: RoutePolicy;
}

/** Whether a call's tokens satisfy its route (gateway-semantics, sections 4 to 6). */
export function checkJwt(
  policy: RoutePolicy,
  keys: KeySource,
  head: Head,
  path: string,
  nowMs: number,
  cache?: VerifiedTokens,
): JwtOutcome {
  if (policy.kind === "open") return { kind: "not-needed", policy };
  const call: Call = { keys, head, path, nowS: Math.floor(nowMs / 1000), cache, policy };
  let told: JwtFailure | undefined;
  for (const requirement of policy.requirements) {
    const outcome = checkRequirement(call, requirement);
    // AR-2: one that accepts is enough. Where keys are missing nobody knows yet.
    if (outcome.kind !== "failed") return outcome;
    told = weightier(told, outcome);
  }
  // AR-4: no token is fine, a bad one is not.
  const isMissing = told === undefined || told.reason === "TOKEN_MISSING";
  if (told === undefined || (isMissing && policy.allowMissing))
    return { kind: "not-needed", policy };
  return told;
}

/** AR-5: which of two requirements' failures is told: "missing" last, "issuer is not configured" before it, any other before both. */
function weightier(told: JwtFailure | undefined, next: JwtFailure): JwtFailure {
  if (told === undefined || told.reason === "TOKEN_MISSING") return next;
  const isWeak = next.reason === "TOKEN_MISSING" || next.reason === "ISSUER_NOT_CONFIGURED";
  return isWeak ? told : next;
}

type Checked = Exclude<JwtOutcome, NotNeeded>;

/**
 * AP-10: every token found must verify, or a good one could cover for a bad one that the backend then believes. From
 * the last to the first, as Envoy does: the first that fails is the one that is told. The token of the first location
 * is the one whose payload is forwarded.
 */
function checkRequirement(call: Call, requirement: JwtRequirement): Checked {
  const { locations } = requirement.provider;
  const { head } = call;
  let outcome: Verified | undefined;
  for (let l = locations.length - 1; l >= 0; l--) {
    const location = locations[l];
    if (location === undefined) continue;
    if (location.kind === "query") {
      const raw = queryValue(call.path, location.name);
      if (raw === undefined) continue;
      const checked = checkRaw(call, requirement, raw, call.path);
      if (checked.kind !== "verified") return checked;
      outcome = checked;
      continue;
    }
    for (let f = head.length - 1; f >= 0; f--) {
      const field = head[f];
      if (field === undefined || field.name !== location.name) continue;
      const checked = checkField(call, requirement, location, field);
      if (checked === undefined) continue;
      if (checked.kind !== "verified") return checked;
      outcome = checked;
    }
  }
  return outcome ?? failed(call, requirement, "token", "TOKEN_MISSING", "Jwt is missing");
}

/** Hangs on a Field: the token it holds after this prefix, and what the signature check said. */
class FieldMemo {
  readonly valuePrefix: string;
  readonly seen: SeenToken;

  constructor(valuePrefix: string, seen: SeenToken) {
    this.valuePrefix = valuePrefix;
    this.seen = seen;
  }
}

/** undefined: this field holds no token at this location. */
function checkField(
  call: Call,
  requirement: JwtRequirement,
  location: Extract<JwtLocation, { readonly kind: "header" }>,
  field: Field,
): Checked | undefined {
  const { cache } = call;
  const { value, memo } = field;
  const { valuePrefix } = location;
  const keySet = call.keys.keysOf(requirement.provider);
  if (
    cache !== undefined &&
    memo instanceof FieldMemo &&
    memo.valuePrefix === valuePrefix &&
    memo.seen.keySet === keySet
  )
    return checkSeen(call, requirement, memo.seen);
  const raw = tokenIn(value, valuePrefix);
  if (raw === undefined) return undefined;
  const checked = checkRaw(call, requirement, raw, value);
  const seen = isKeySet(keySet) ? cache?.get(keySet, raw) : undefined;
  if (seen !== undefined) field.memo = new FieldMemo(valuePrefix, seen);
  return checked;
}

/** AP-9: the prefix anywhere in the value, then from the first character that a token may have to the end. */
function tokenIn(value: string, prefix: string): string | undefined {
  if (prefix === "") return value;
  const at = value.indexOf(prefix);
  if (at === -1) return undefined;
  for (let i = at + prefix.length; i < value.length; i++)
    if (isTokenChar(value.charCodeAt(i))) return value.slice(i);
  return value;
}

function isTokenChar(code: number): boolean {
  const isDigit = code >= 0x30 && code <= 0x39;
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isDigit || isLetter || code === 0x2d || code === 0x2e || code === 0x5f;
}

/** @param holder the whole text that the token is cut from: it lives as long as the cut */
function checkRaw(call: Call, requirement: JwtRequirement, raw: string, holder: string): Checked {
  const keySet = call.keys.keysOf(requirement.provider);
  const seen = isKeySet(keySet) ? call.cache?.get(keySet, raw) : undefined;
  if (seen !== undefined) return checkSeen(call, requirement, seen);

  const token = parseToken(raw);
  if ("fault" in token) {
    const isBadAlgorithm = token.fault === "Jwt header [alg] is not supported";
    const reason = isBadAlgorithm ? "ALGORITHM_NOT_SUPPORTED" : "TOKEN_MALFORMED";
    const isAccessToken = raw.startsWith("ya29.");
    return { ...failed(call, requirement, "token", reason, token.fault), isAccessToken };
  }
  const failure = checkClaims(call, requirement, token);
  if (failure !== undefined) return failure;
  if (keySet === undefined)
    return { kind: "keys-needed", provider: requirement.provider, token, requirement };
  if (!isKeySet(keySet))
    return failed(call, requirement, "signature", "KEYS_NOT_AVAILABLE", keySet.fault, token);
  if (call.cache !== undefined) call.cache.checks++;
  const { header, claims, payloadSegment } = token;
  const checked: SeenToken = {
    token: { header, claims, payloadSegment },
    keySet,
    fault: verifySignature(token, keySet),
    isSignatureRemoved: raw.endsWith(".SIGNATURE_REMOVED_BY_GOOGLE"),
  };
  if (holder.length <= maxCachedValueBytes) call.cache?.add(raw, checked);
  return signatureOutcome(call, requirement, checked);
}

/** The signature was checked before; all else is compared now, on every call. */
function checkSeen(call: Call, requirement: JwtRequirement, seen: SeenToken): Checked {
  return checkClaims(call, requirement, seen.token) ?? signatureOutcome(call, requirement, seen);
}

function signatureOutcome(call: Call, requirement: JwtRequirement, seen: SeenToken): Checked {
  const { token, fault, isSignatureRemoved } = seen;
  if (fault === undefined) return { kind: "verified", token, requirement };
  const reason = fault === "Jwt verification fails" ? "SIGNATURE_INVALID" : "KEY_NOT_FOUND";
  const failure = failed(call, requirement, "signature", reason, fault, token);
  return isSignatureRemoved ? { ...failure, isSignatureRemoved } : failure;
}

/** JV-1: issuer, time, audience. */
function checkClaims(
  call: Call,
  requirement: JwtRequirement,
  token: CheckedToken,
): JwtFailure | undefined {
  const { iss, nbf, exp, aud } = token.claims;
  const { nowS } = call;
  if (iss !== requirement.provider.issuer) {
    const message = "Jwt issuer is not configured";
    return failed(call, requirement, "issuer", "ISSUER_NOT_CONFIGURED", message, token);
  }
  if (nbf !== undefined && nowS + leewayS < nbf)
    return failed(call, requirement, "time", "TOKEN_NOT_YET_VALID", "Jwt not yet valid", token);
  if (exp !== undefined && nowS > exp + leewayS)
    return failed(call, requirement, "time", "TOKEN_EXPIRED", "Jwt is expired", token);
  if (!isAudienceAllowed(requirement.audiences, aud)) {
    const message = "Audiences in Jwt are not allowed";
    return failed(call, requirement, "audience", "AUDIENCE_MISMATCH", message, token);
  }
  return undefined;
}

function failed(
  { policy }: Call,
  requirement: JwtRequirement,
  rule: TokenRule,
  reason: RejectionReason,
  message: string,
  token?: CheckedToken,
): JwtFailure {
  const isNot = { isAccessToken: false, isSignatureRemoved: false };
  return { kind: "failed", rule, reason, message, requirement, policy, token, ...isNot };
}

function isKeySet(keys: KeySet | { readonly fault: string } | undefined): keys is KeySet {
  return keys !== undefined && "keys" in keys;
}

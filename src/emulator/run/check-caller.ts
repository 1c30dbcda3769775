import type { KeySet } from "../../auth/key-set.ts";
import { type IdTokenClaims, parseToken } from "../../auth/parse-token.ts";
import { verifySignature } from "../../auth/verify-signature.ts";
import {
  type CheckedToken,
  maxCachedValueBytes,
  type SeenToken,
  type VerifiedTokens,
} from "../../gateway/decide/verified-tokens.ts";
import type { Field, Head } from "../../http2/head.ts";

/** What Cloud Run puts in the place of a signature it has checked. */
export const SIGNATURE_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE";

/** Who calls a service, as the platform can prove it. */
export type CallerVerdict =
  | { readonly kind: "anonymous" }
  | {
      readonly kind: "principal";
      /** The header that named it. */
      readonly field: Field;
      readonly token: CheckedToken;
    }
  | {
      readonly kind: "invalid";
      /** What is wrong with the token; never the token. */
      readonly detail: string;
      readonly fix: string;
    };

export interface CallerPolicy {
  readonly keys: KeySet;
  /** Accepted `aud`: the service's own address and its custom audiences, first the one to recommend. */
  readonly audiences: readonly string[];
  readonly verified: VerifiedTokens;
}

/** Google's clocks and others': not documented for Cloud Run; what API Gateway grants. */
const LEEWAY_MS = 60_000;
const ISSUERS: ReadonlySet<string> = new Set([
  "https://accounts.google.com",
  "accounts.google.com",
]);

/**
 * Look at a call as Cloud Run's front does: `x-serverless-authorization` where it is sent, else `authorization`; then
 * signature, issuer, time and audience. Says nothing about roles.
 */
export function checkCaller(head: Head, policy: CallerPolicy, nowMs: number): CallerVerdict {
  const named = head.filter(({ name }) => name === "x-serverless-authorization");
  const fields = named.length > 0 ? named : head.filter(({ name }) => name === "authorization");
  const [field] = fields;
  if (field === undefined) return { kind: "anonymous" };
  if (fields.length > 1) {
    return invalid(`${fields.length} values of ${field.name}`, "send one token");
  }
  const [, raw] = /^bearer +([^ ]+)$/i.exec(field.value) ?? [];
  if (raw === undefined) {
    return invalid(`${field.name} is not "Bearer TOKEN"`, mint(policy));
  }
  const seen = seenToken(raw, policy);
  if ("kind" in seen) return seen;
  if (seen.fault !== undefined) {
    return invalid(
      seen.isSignatureRemoved
        ? "the token has no signature: Cloud Run removed it from a call that it had let in"
        : `its signature is not by a key of the issuer: ${seen.fault}`,
      mint(policy),
    );
  }
  return (
    checkClaims(seen.token.claims, policy, nowMs) ?? { kind: "principal", field, token: seen.token }
  );
}

/** Signatures are checked once a token and key set. */
function seenToken(
  raw: string,
  policy: CallerPolicy,
): SeenToken | (CallerVerdict & { kind: "invalid" }) {
  const { keys, verified } = policy;
  const known = verified.get(keys, raw);
  if (known !== undefined) return known;
  const parsed = parseToken(raw);
  if ("fault" in parsed) {
    return invalid(`it is no ID token: ${parsed.fault}`, mint(policy));
  }
  const { header, claims, payloadSegment } = parsed;
  const seen: SeenToken = {
    token: { header, claims, payloadSegment },
    keySet: keys,
    fault: verifySignature(parsed, keys),
    isSignatureRemoved: raw.endsWith(`.${SIGNATURE_REMOVED}`),
  };
  if (raw.length <= maxCachedValueBytes) verified.add(raw, seen);
  return seen;
}

function checkClaims(
  { iss, exp, nbf, aud }: IdTokenClaims,
  policy: CallerPolicy,
  nowMs: number,
): (CallerVerdict & { kind: "invalid" }) | undefined {
  if (!ISSUERS.has(iss)) {
    return invalid(
      `its issuer is ${iss || "missing"}, not https://accounts.google.com`,
      mint(policy),
    );
  }
  if (exp === undefined) return invalid("it has no exp", mint(policy));
  if (nowMs > exp * 1000 + LEEWAY_MS) {
    const agoS = Math.round(nowMs / 1000 - exp);
    return invalid(`it expired ${agoS} s ago`, "mint a new token: Google's live one hour");
  }
  if (nbf !== undefined && nowMs < nbf * 1000 - LEEWAY_MS) {
    return invalid(
      `it is valid ${Math.round(nbf - nowMs / 1000)} s from now`,
      "set the clock right",
    );
  }
  if (aud.some((audience) => policy.audiences.includes(audience))) return undefined;
  const wanted = policy.audiences.join(" or ");
  const nearly = aud.some((audience) => isNearly(audience, policy.audiences));
  return invalid(
    `its audience is ${aud.join(", ") || "missing"}; accepted: ${wanted}${nearly ? " (the bare origin: no path, no slash at its end)" : ""}`,
    `mint it for ${policy.audiences[0]}; behind the gateway: jwt_audience: ${policy.audiences[0]} in its backend rule`,
  );
}

/** Right but for a path or a slash at its end. */
function isNearly(audience: string, accepted: readonly string[]): boolean {
  return URL.canParse(audience) && accepted.includes(new URL(audience).origin);
}

function mint({ audiences }: CallerPolicy): string {
  return `send an ID token that Google's issuer signed for ${audiences[0]}`;
}

function invalid(detail: string, fix: string): CallerVerdict & { kind: "invalid" } {
  return { kind: "invalid", detail, fix };
}

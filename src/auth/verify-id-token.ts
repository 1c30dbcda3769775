import { compactVerify } from "jose/jws/compact/verify";
import type { RejectionReason } from "../rejection/reasons.ts";
import type { Reach } from "./fetch-text.ts";
import type { KeySet, VerificationKey } from "./key-set.ts";
import { type IdTokenClaims, type ParsedToken, parseToken } from "./parse-token.ts";
import { remoteKeySet } from "./remote-key-set.ts";

export interface IdTokenVerifierOptions extends Reach {
  /** Google's: https://www.googleapis.com/oauth2/v3/certs. The kid -> PEM form is understood too. */
  readonly jwksUrl: URL;
  /** Accepted `iss`, compared exactly; default Google's. */
  readonly issuers?: readonly string[] | undefined;
  readonly nowMs: () => number;
}

export type TokenVerdict =
  | { readonly kind: "verified"; readonly claims: IdTokenClaims }
  | {
      readonly kind: "refused";
      readonly reason: RejectionReason;
      /** What was seen and what was wanted; never the token. */
      readonly detail: string;
      readonly fix: string;
    };

export interface IdTokenVerifier extends Disposable {
  /** Signature (RS256 or ES256), issuer, times with 60 s of leeway, audience compared exactly. */
  verify(token: string, audience: string): Promise<TokenVerdict>;
  /**
   * All but the signature, for a token whose signature Cloud Run checked and replaced (PR-3). Refuses a token that still
   * has one: it proves itself by `verify`. Believe the answer only where nobody but the platform can have sent the token.
   */
  verifyClaimsOnly(token: string, audience: string): TokenVerdict;
}

export const googleIssuer = "https://accounts.google.com";

/** What Cloud Run puts in a token's signature's place. @see https://cloud.google.com/run/docs/troubleshooting#signature-removed */
export const removedSignature = "SIGNATURE_REMOVED_BY_GOOGLE";

export function isSignatureRemoved(token: string): boolean {
  return token.endsWith(`.${removedSignature}`);
}

const leewayS = 60;
/** Tokens whose signature is known to be good. Against: a caller that sends a new token each call. */
const maxVerified = 1_000;

/**
 * Checks ID tokens against an issuer's published keys. Keys are fetched when first needed, one fetch in flight, at most one
 * early fetch per cooldown for an unknown key id. A token's signature is checked once; everything that changes with time or
 * call is checked on every call.
 */
export function createIdTokenVerifier(options: IdTokenVerifierOptions): IdTokenVerifier {
  const { nowMs, issuers = [googleIssuer] } = options;
  const remote = remoteKeySet({ ...options, url: options.jwksUrl });
  /** By the token's own bytes; emptied when the keys change, so that a withdrawn key ends its tokens. */
  let verified = new Map<string, IdTokenClaims>();
  let verifiedWith: KeySet | undefined;

  const remember = (token: string, claims: IdTokenClaims, keySet: KeySet): void => {
    if (verifiedWith !== keySet) verified = new Map();
    verifiedWith = keySet;
    if (verified.size >= maxVerified) {
      const [oldest] = verified.keys();
      if (oldest !== undefined) verified.delete(oldest);
    }
    verified.set(token, claims);
  };

  return {
    async verify(token, audience) {
      const known = verified.get(token);
      if (known !== undefined && (await remote.keys()) === verifiedWith)
        return checkedClaims(known, audience, issuers, nowMs());
      const parsed = parseSigned(token);
      if ("kind" in parsed) return parsed;
      // Claims first: whoever is refused by them costs no signature check and no fetch.
      const verdict = checkedClaims(parsed.claims, audience, issuers, nowMs());
      if (verdict.kind === "refused") return verdict;
      const keys = await remote.keys();
      if ("fault" in keys) return keysNotAvailable(keys.fault);
      let keySet = keys;
      if (candidates(keySet, parsed).length === 0) {
        const newer = await remote.newerKeys();
        if (!("fault" in newer)) keySet = newer;
      }
      const fault = await signatureFault(token, parsed, keySet);
      if (fault !== undefined) return fault;
      remember(token, parsed.claims, keySet);
      return verdict;
    },
    verifyClaimsOnly(token, audience) {
      if (!isSignatureRemoved(token))
        return refuse("TOKEN_MALFORMED", "the token has a signature of its own", mintFix);
      const unsigned = token.slice(0, -removedSignature.length);
      // The words are no base64url: any signature stands in, for nobody looks at it.
      const parsed = parseToken(`${unsigned}AA`);
      if ("fault" in parsed) return refuse("TOKEN_MALFORMED", parsed.fault, mintFix);
      return checkedClaims(parsed.claims, audience, issuers, nowMs());
    },
    [Symbol.dispose]() {
      remote[Symbol.dispose]();
      verified.clear();
    },
  };
}

type Refused = Extract<TokenVerdict, { readonly kind: "refused" }>;

function refuse(reason: RejectionReason, detail: string, fix: string): Refused {
  return { kind: "refused", reason, detail, fix };
}

const mintFix = "Send an ID token as its issuer minted it: authorization: Bearer TOKEN";

function parseSigned(token: string): ParsedToken | Refused {
  if (isSignatureRemoved(token)) {
    const fix =
      "Where only named principals can invoke the service, --trustPlatform takes the platform's word for it";
    return refuse("SIGNATURE_INVALID", "Cloud Run removed the token's signature", fix);
  }
  const parsed = parseToken(token);
  if ("fault" in parsed) {
    const isAlgorithm = parsed.fault === "Jwt header [alg] is not supported";
    const reason = isAlgorithm ? "ALGORITHM_NOT_SUPPORTED" : "TOKEN_MALFORMED";
    return refuse(reason, parsed.fault, mintFix);
  }
  const { alg } = parsed.header;
  if (alg === "RS256" || alg === "ES256") return parsed;
  return refuse("ALGORITHM_NOT_SUPPORTED", `alg is ${alg}; accepted: RS256, ES256`, mintFix);
}

function checkedClaims(
  claims: IdTokenClaims,
  audience: string,
  issuers: readonly string[],
  now: number,
): TokenVerdict {
  const nowS = now / 1000;
  if (!issuers.includes(claims.iss)) {
    const detail = `issuer is ${quoted(claims.iss)}; accepted: ${issuers.join(", ")}`;
    return refuse("ISSUER_NOT_CONFIGURED", detail, "Send an ID token of an accepted issuer");
  }
  const { exp, nbf, iat } = claims;
  if (exp === undefined) return refuse("TOKEN_MALFORMED", "the token never expires", mintFix);
  if (nowS > exp + leewayS) {
    const detail = `expired ${Math.round(nowS - exp)} s ago`;
    return refuse("TOKEN_EXPIRED", detail, "Mint a new token: Google's live one hour");
  }
  const startS = Math.max(nbf ?? 0, iat ?? 0);
  if (nowS < startS - leewayS) {
    const detail = `not valid for another ${Math.round(startS - nowS)} s`;
    return refuse("TOKEN_NOT_YET_VALID", detail, "Check the clocks of caller and server");
  }
  if (!claims.aud.includes(audience)) {
    const detail = `audience is ${claims.aud.map(quoted).join(", ") || "missing"}; accepted: ${audience}`;
    return refuse("AUDIENCE_MISMATCH", detail, `Request it with --audience ${audience}`);
  }
  return { kind: "verified", claims };
}

/** A claim as it may stand in a log: nobody vouches for its length or its characters yet. */
function quoted(claim: string): string {
  const text = claim.length > 200 ? `${claim.slice(0, 200)}…` : claim;
  return JSON.stringify(text);
}

function keysNotAvailable(detail: string): Refused {
  const fix = "Check --jwks, and that this machine can reach it";
  return refuse("KEYS_NOT_AVAILABLE", detail, fix);
}

function candidates(keySet: KeySet, { header }: ParsedToken): readonly VerificationKey[] {
  const kind = header.alg === "RS256" ? "RSA" : "EC";
  return keySet.keys.filter(
    (key) =>
      key.kind === kind &&
      (key.kind !== "EC" || key.curve === "P-256") &&
      (key.alg === undefined || key.alg === header.alg) &&
      (header.kid === undefined || key.kid === undefined || key.kid === header.kid),
  );
}

const algorithms = ["RS256", "ES256"];
const notUnderstood = refuse("TOKEN_MALFORMED", "its header has crit", mintFix);

async function signatureFault(
  token: string,
  parsed: ParsedToken,
  keySet: KeySet,
): Promise<Refused | undefined> {
  const keys = candidates(keySet, parsed);
  if (keys.length === 0) {
    const detail = `no published key has the id ${quoted(parsed.header.kid ?? "")}`;
    return refuse("KEY_NOT_FOUND", detail, "Send a token of the issuer whose keys --jwks names");
  }
  for (const { key } of keys) {
    try {
      const { protectedHeader } = await compactVerify(token, key, { algorithms });
      // RFC 7515, 4.1.11: what must be understood and is not, is refused. jose understands b64, which no ID token may use.
      return protectedHeader.crit === undefined ? undefined : notUnderstood;
    } catch {} // the next key, or refused below
  }
  const detail = "the signature is not of the published key";
  return refuse("SIGNATURE_INVALID", detail, "Send a token of the issuer whose keys --jwks names");
}

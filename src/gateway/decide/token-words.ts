import { algorithms } from "../../auth/parse-token.ts";
import { placeOf } from "../../config/problem.ts";
import type { JwtFailure, TokenRule } from "./jwt-outcome.ts";
import type { CheckedToken } from "./verified-tokens.ts";

/** Longest piece of a caller's text that is shown. */
const maxShown = 120;

/** A caller's text, fit for a line of a terminal or a log: cut, and nothing in it that moves a cursor or hides. */
export function shown(text: string): string {
  const cut = text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "\uFFFD");
}

/** 59 s, 59 min, 23 h, 40 days: the largest unit that still says enough. */
export function inWords(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** What one rule sees in a token. */
export function seenBy(rule: TokenRule, token: CheckedToken, nowMs: number): string {
  const { header, claims } = token;
  switch (rule) {
    case "token":
      return "readable";
    case "issuer":
      return claims.iss === "" ? "none" : shown(claims.iss);
    case "time":
      return lifetime(token, Math.floor(nowMs / 1000));
    case "audience":
      return claims.aud.length === 0 ? "none" : shown(claims.aud.join(", "));
    case "signature":
      return header.kid === undefined ? header.alg : `${header.alg}, key ${shown(header.kid)}`;
  }
}

function lifetime({ claims: { nbf, exp } }: CheckedToken, nowS: number): string {
  if (nbf !== undefined && nbf > nowS) return `valid in ${inWords(nbf - nowS)}`;
  if (exp === undefined) return "no expiry";
  return exp >= nowS ? `${inWords(exp - nowS)} left` : `expired ${inWords(nowS - exp)} ago`;
}

/** What the failed rule saw. */
export function seenByFailure(failure: JwtFailure, nowMs: number): string {
  const { rule, reason, token } = failure;
  if (token !== undefined) return seenBy(rule, token, nowMs);
  if (reason === "TOKEN_MISSING") return "none";
  return failure.isAccessToken ? "an OAuth access token" : "not a JWT that can be read";
}

/** What the failed rule wants, with the place it stands at. */
export function wantedBy(failure: JwtFailure): string {
  const { provider, audiences, audiencesAt } = failure.requirement;
  const { issuer, issuerAt, jwksUri, jwksUriAt } = provider;
  switch (failure.reason) {
    case "TOKEN_MISSING": {
      const { at } = failure.policy;
      const asks = `asks for an ID token of ${issuer}`;
      return at === undefined ? asks : `${placeOf(at)} ${asks}`;
    }
    case "ALGORITHM_NOT_SUPPORTED":
      return `${failure.message}; supported: ${algorithms.join(", ")}`;
    case "ISSUER_NOT_CONFIGURED":
      return `${placeOf(issuerAt)} accepts ${issuer}`;
    case "TOKEN_NOT_YET_VALID":
      return "its nbf lies more than 60 s ahead of the gateway's clock";
    case "TOKEN_EXPIRED":
      return "API Gateway takes a token until 60 s after its exp";
    case "AUDIENCE_MISMATCH":
      return `${placeOf(audiencesAt)} accepts ${audiences.join(", ")}`;
    case "KEYS_NOT_AVAILABLE":
      return `${placeOf(jwksUriAt)} the keys of ${jwksUri.href} could not be had`;
    case "KEY_NOT_FOUND":
      return `${placeOf(jwksUriAt)} ${jwksUri.href} has no key of that id for that algorithm`;
    case "SIGNATURE_INVALID":
      return `${placeOf(jwksUriAt)} no key of ${jwksUri.href} made this signature`;
    default:
      return failure.message;
  }
}

/** One thing to do about it. */
export function fixFor(failure: JwtFailure): string {
  const { provider, audiences } = failure.requirement;
  const audience = audiences[0] ?? "";
  switch (failure.reason) {
    case "TOKEN_MISSING":
      return `Send "authorization: Bearer ID_TOKEN" with a token for audience ${audience}`;
    case "ALGORITHM_NOT_SUPPORTED":
      return `Send an ID token that ${provider.issuer} signed, e.g. with RS256`;
    case "ISSUER_NOT_CONFIGURED":
      return `Send an ID token of ${provider.issuer}: not a JWT signed by the service account itself, not an access token`;
    case "TOKEN_NOT_YET_VALID":
      return "Set the clock of the machine that minted the token, then mint a new one";
    case "TOKEN_EXPIRED":
      return `Mint a new token for audience ${audience}: Google's live one hour`;
    case "AUDIENCE_MISMATCH":
      return `Mint the token for audience ${audience}`;
    case "KEYS_NOT_AVAILABLE":
      return `Check jwks_uri (${placeOf(provider.jwksUriAt)}) and that the gateway reaches it`;
    case "KEY_NOT_FOUND":
      return `Mint a new token; if that is refused too, jwks_uri (${placeOf(provider.jwksUriAt)}) is not the issuer's`;
    case "SIGNATURE_INVALID":
      return failure.isSignatureRemoved
        ? "Send a token of your own: Cloud Run removed the signature of the one it delivered, so it cannot be passed on"
        : `Mint a new token, and send it unchanged; it must be signed with a key of jwks_uri (${placeOf(provider.jwksUriAt)})`;
    default:
      return failure.isAccessToken
        ? `Send an ID token for audience ${audience} instead of an access token`
        : `Send the ID token as it was minted: "Bearer ", then its three parts, and nothing else`;
  }
}

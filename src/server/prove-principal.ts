import { Code } from "@connectrpc/connect";
import {
  type IdTokenVerifier,
  isSignatureRemoved,
  type TokenVerdict,
} from "../auth/verify-id-token.ts";
import type { Rejection } from "../rejection/rejection.ts";
import type { NamedPrincipal, Principal } from "./principal.ts";
import { type RequestHead, valuesOf } from "./request-head.ts";

/** Whose tokens a server believes. */
export interface PrincipalPolicy {
  /**
   * Audience of tokens that the gateway passed on (x-forwarded-authorization). undefined: no such token can be proved;
   * see `ignoreForwarded`.
   */
  readonly gatewayAudience: string | undefined;
  /** Audience of the last hop's tokens (authorization): the service's own URL on Cloud Run. */
  readonly targetAudience: string | undefined;
  /** The gateway's own service account: a call that only it vouches for is anonymous (PR-4). */
  readonly gatewayAccount: string | undefined;
  /** Believe a token whose signature the platform removed (PR-3): right only where it lets nobody but named principals in. */
  readonly trustPlatform: boolean;
  /** The server was told of no gateway and asks only whether the last hop is verified: x-forwarded-authorization means nothing. */
  readonly ignoreForwarded: boolean;
  readonly verifier: IdTokenVerifier;
}

const FORWARDED = "x-forwarded-authorization";
const LAST_HOP = "authorization";
const SERVERLESS = "x-serverless-authorization";

/**
 * Who calls (PR-1 to PR-6), from the head alone: trailers never count, and x-apigateway-api-userinfo is information,
 * never identity. Returns the refusal where a token is there that proves nothing: a bad token is never an anonymous call.
 */
export async function provePrincipal(
  head: RequestHead,
  policy: PrincipalPolicy,
): Promise<Principal | Rejection> {
  const forwarded = policy.ignoreForwarded ? [] : valuesOf(head, FORWARDED);
  const lastHop = valuesOf(head, LAST_HOP);
  for (const [header, values] of [
    [FORWARDED, forwarded],
    [LAST_HOP, lastHop],
  ] as const)
    if (values.length > 1)
      return unproven(header, `sent ${values.length} times`, `Send ${header} once`);

  const [forwardedValue] = forwarded;
  if (forwardedValue !== undefined) return proveForwarded(forwardedValue, policy);
  const [value] = lastHop;
  if (value === undefined) return { kind: "anonymous", rule: "PR-5" };
  return proveLastHop(value, valuesOf(head, SERVERLESS).length > 0, policy);
}

async function proveForwarded(
  value: string,
  policy: PrincipalPolicy,
): Promise<Principal | Rejection> {
  const token = bearerToken(FORWARDED, value);
  if (typeof token !== "string") return token;
  if (isSignatureRemoved(token))
    return unproven(FORWARDED, "its signature was removed", "Send an ID token as it was minted");
  if (policy.gatewayAudience === undefined)
    return unproven(
      FORWARDED,
      "the server was not told which audience the gateway's callers use",
      "Start the server with --gatewayAudience AUD, as `audiences` in api_config.yaml says",
    );
  return namedBy("PR-1", FORWARDED, await policy.verifier.verify(token, policy.gatewayAudience));
}

async function proveLastHop(
  value: string,
  platformCheckedAnother: boolean,
  policy: PrincipalPolicy,
): Promise<Principal | Rejection> {
  const token = bearerToken(LAST_HOP, value);
  if (typeof token !== "string") return token;
  const audience = policy.targetAudience;
  if (audience === undefined)
    return unproven(
      LAST_HOP,
      "the server was not told its own audience",
      "Start the server with --targetAudience AUD: the service's URL on Cloud Run",
    );
  const rule = isSignatureRemoved(token) ? "PR-3" : "PR-2";
  if (rule === "PR-3") {
    const refusal = platformRefusal(platformCheckedAnother, policy);
    if (refusal !== undefined) return refusal;
  }
  const verdict =
    rule === "PR-3"
      ? policy.verifier.verifyClaimsOnly(token, audience)
      : await policy.verifier.verify(token, audience);
  // Also where the signature is there: the gateway's account never calls on its own behalf.
  return isGateway(verdict, policy)
    ? { kind: "anonymous", rule: "PR-4" }
    : namedBy(rule, LAST_HOP, verdict);
}

/** PR-3 holds where the platform checked this very token before it removed the signature, and looked at no other one. */
function platformRefusal(
  platformCheckedAnother: boolean,
  { trustPlatform }: PrincipalPolicy,
): Rejection | undefined {
  if (!trustPlatform)
    return unproven(
      LAST_HOP,
      "its signature was removed by the platform, which this server does not trust",
      "Start the server with --trustPlatform, where Cloud Run lets nobody but named principals in",
    );
  if (!platformCheckedAnother) return undefined;
  const fault = `it has no signature, and the platform checked ${SERVERLESS} instead`;
  return unproven(LAST_HOP, fault, `Send the ID token in ${LAST_HOP} alone`);
}

/** Whether or not the address is verified: a call that is taken for the gateway's gains nothing. */
function isGateway(verdict: TokenVerdict, { gatewayAccount }: PrincipalPolicy): boolean {
  if (verdict.kind === "refused" || gatewayAccount === undefined) return false;
  return verdict.claims.email?.toLowerCase() === gatewayAccount.toLowerCase();
}

function namedBy(
  rule: NamedPrincipal["rule"],
  header: string,
  verdict: TokenVerdict,
): NamedPrincipal | Rejection {
  if (verdict.kind === "refused") return unproven(header, verdict.detail, verdict.fix);
  const { iss, sub = "", email, emailVerified } = verdict.claims;
  const verifiedEmail = emailVerified ? email?.toLowerCase() : undefined;
  return { kind: "named", rule, issuer: iss, subject: sub, email: verifiedEmail };
}

/** The token of a bearer header; a refusal where it is anything else. */
function bearerToken(header: string, value: string): string | Rejection {
  const token = value.match(/^bearer +(\S+)$/i)?.[1];
  const fix = `Send ${header}: Bearer ID_TOKEN`;
  if (token === undefined) return unproven(header, "it is not one bearer token", fix);
  if (token.split(".").length !== 3)
    return unproven(header, "it is not an ID token (an access token proves nobody here)", fix);
  return token;
}

function unproven(header: string, fault: string, fix: string): Rejection {
  return {
    hop: "server",
    reason: "PRINCIPAL_UNPROVEN",
    code: Code.Unauthenticated,
    message: `the token in ${header} is not accepted`,
    detail: `${header}: ${fault}`,
    fix,
  };
}

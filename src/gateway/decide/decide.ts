import type { IdTokenClaims } from "../../auth/parse-token.ts";
import type { GatewayModel, JwtProvider, Route } from "../../config/model.ts";
import type { Head } from "../../http2/head.ts";
import type { Step } from "../../rejection/traffic.ts";
import { checkApiKey } from "./api-key.ts";
import { checkJwt } from "./jwt.ts";
import type { JwtOutcome } from "./jwt-outcome.ts";
import type { KeySource } from "./key-source.ts";
import { apiKeyRefusal, type GatewayRefusal, jwtRefusal, routeRefusal } from "./refusals.ts";
import { findRoute } from "./route.ts";
import { stepsOf } from "./steps.ts";
import type { VerifiedTokens } from "./verified-tokens.ts";

export interface DecideOptions {
  /** Say also by which steps; default no. */
  readonly steps?: boolean;
  /** Tokens seen before. With it, what was learned about a header field hangs on its `memo`. */
  readonly cache?: VerifiedTokens;
}

export type { KeySource } from "./key-source.ts";

/** What the gateway does with a call. */
export type Decision = Forward | Refuse | KeysNeeded;

export interface Forward {
  readonly kind: "forward";
  readonly route: Route;
  /** `:path` as it goes upstream: normalised (RT-8), trailing slash and query as received. */
  readonly path: string;
  /** The token's payload segment as received (HD-1); undefined when no token was checked. */
  readonly userInfo: string | undefined;
  readonly claims: IdTokenClaims | undefined;
  /** [] unless asked. */
  readonly steps: readonly Step[];
}

export interface Refuse {
  readonly kind: "refuse";
  readonly route: Route | undefined;
  readonly refusal: GatewayRefusal;
  readonly steps: readonly Step[];
}

/** The caller fetches this provider's keys (JK-3) and decides again. */
export interface KeysNeeded {
  readonly kind: "keys-needed";
  readonly route: Route;
  readonly provider: JwtProvider;
  readonly steps: readonly Step[];
}

const noSteps: readonly Step[] = [];
const noOptions: DecideOptions = {};

/**
 * What the gateway does with a call: route, then JWT, then API key (gateway-semantics, section 10). Pure: the data
 * plane takes the verdict, explain prints the steps of the very same decision.
 * @param nowMs milliseconds since the epoch
 */
export function decide(
  model: GatewayModel,
  keys: KeySource,
  head: Head,
  nowMs: number,
  options: DecideOptions = noOptions,
): Decision {
  const found = findRoute(model, head);
  if (found.kind === "refused") {
    const refusal = routeRefusal(model, found);
    const steps = options.steps === true ? stepsOf(refusal, undefined, nowMs) : noSteps;
    return { kind: "refuse", route: undefined, refusal, steps };
  }
  const { route, path } = found;
  const jwt = checkJwt(route.auth, keys, head, path, nowMs, options.cache);
  const refusal = refusalOf(route, jwt, head, path, nowMs);
  const steps = options.steps === true ? stepsOf(refusal, { route, outcome: jwt }, nowMs) : noSteps;
  if (jwt.kind === "keys-needed")
    return { kind: "keys-needed", route, provider: jwt.provider, steps };
  if (refusal !== undefined) return { kind: "refuse", route, refusal, steps };
  const token = jwt.kind === "verified" ? jwt.token : undefined;
  const userInfo = token?.payloadSegment;
  return { kind: "forward", route, path, userInfo, claims: token?.claims, steps };
}

function refusalOf(
  route: Route,
  jwt: JwtOutcome,
  head: Head,
  path: string,
  nowMs: number,
): GatewayRefusal | undefined {
  if (jwt.kind === "keys-needed") return undefined;
  // UC-3: the token first.
  if (jwt.kind === "failed") return jwtRefusal(jwt, head, path, nowMs);
  return route.apiKey.required ? apiKeyRefusal(route, checkApiKey(head, path)) : undefined;
}

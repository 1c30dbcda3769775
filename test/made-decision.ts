import assert from "node:assert/strict";
import { type KeySet, parseKeySet } from "../src/auth/key-set.ts";
import type { GatewayModel, JwtRequirement, Route } from "../src/config/model.ts";
import {
  type Decision,
  decide,
  type KeySource,
  type Refuse,
} from "../src/gateway/decide/decide.ts";
import type { Head } from "../src/http2/head.ts";
import { at, goodClaims, makeModel, makeRoute, nowMs } from "./made-call.ts";
import { TokenMaker } from "./token-maker.ts";

/** Signs what `keys` verify. */
export const issuer = new TokenMaker("key-1");
export const keySet = keySetOf(issuer.jwks);
export const keys: KeySource = { keysOf: () => keySet };

export function keySetOf(jwks: string): KeySet {
  const parsed = parseKeySet(jwks);
  assert.ok(!("fault" in parsed));
  return parsed;
}

/** A token that passes, but for what is changed. */
export const mint = (claims: object = {}, header = {}): string =>
  issuer.mint({ ...goodClaims, ...claims }, header);

/** The header that carries it. */
export const bearer = (claims: object = {}, header = {}): readonly [string, string] => [
  "authorization",
  `Bearer ${mint(claims, header)}`,
];

export const walkthrough = makeModel();

/** What the gateway does with a call at `nowMs`, with steps. */
export const decided = (
  head: Head,
  model: GatewayModel = walkthrough,
  source: KeySource = keys,
): Decision => decide(model, source, head, nowMs, { steps: true });

export function refusalOf(decision: Decision): Refuse["refusal"] {
  assert.ok(decision.kind === "refuse", `not refused: ${decision.kind}`);
  return decision.refusal;
}

/** Refused by the gateway with this HTTP status, gRPC code and text. */
export function assertDecidedAgainst(
  decision: Decision,
  httpStatus: number,
  code: number,
  message: string,
): void {
  assert.partialDeepStrictEqual(refusalOf(decision), { hop: "gateway", httpStatus, code, message });
}

export const jwtRoute = (requirements: readonly JwtRequirement[], allowMissing = false): Route =>
  makeRoute({ auth: { kind: "jwt", at: at(25, 7), requirements, allowMissing } });

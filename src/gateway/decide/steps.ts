import type { Route } from "../../config/model.ts";
import type { Step } from "../../rejection/traffic.ts";
import { type JwtOutcome, type TokenRule, tokenRules } from "./jwt-outcome.ts";
import type { GatewayRefusal } from "./refusals.ts";
import { seenBy } from "./token-words.ts";

/** A decision as steps, in the gateway's order. Nothing is decided here: the outcome says which rule was looked at last. */
export function stepsOf(
  refusal: GatewayRefusal | undefined,
  passed: { readonly route: Route; readonly outcome: JwtOutcome } | undefined,
  nowMs: number,
): readonly Step[] {
  if (passed === undefined) return refusal === undefined ? [] : [refused("route", refusal)];
  const { route, outcome } = passed;
  const steps = [
    step("route", true, route.selector),
    ...(outcome.kind === "failed" && refusal !== undefined
      ? failedSteps(outcome, refusal, nowMs)
      : tokenSteps(outcome, nowMs)),
  ];
  if (!route.apiKey.required) return steps;
  if (refusal === undefined) return [...steps, notLookedAt("api key", "the token comes first")];
  return outcome.kind === "failed"
    ? [...steps, notLookedAt("api key", "API Gateway checks the token first")]
    : [...steps, refused("api key", refusal)];
}

function tokenSteps(outcome: JwtOutcome, nowMs: number): readonly Step[] {
  switch (outcome.kind) {
    case "failed":
      return [];
    case "not-needed": {
      const isOpen = outcome.policy.kind === "open";
      const why = isOpen ? "not needed: no rule asks for one" : "none, and none is needed";
      return [step("token", true, why)];
    }
    case "verified":
    case "keys-needed":
      return claimRules.map((rule) =>
        rule === "signature" && outcome.kind === "keys-needed"
          ? notLookedAt(rule, "the keys of the issuer are not here yet")
          : step(rule, true, seenBy(rule, outcome.token, nowMs)),
      );
  }
}

/** A token that can be read is not worth a line. */
const claimRules = tokenRules.filter((rule) => rule !== "token");

function failedSteps(
  failure: Extract<JwtOutcome, { readonly kind: "failed" }>,
  refusal: GatewayRefusal,
  nowMs: number,
): readonly Step[] {
  const at = tokenRules.indexOf(failure.rule);
  const { token } = failure;
  const before =
    token === undefined
      ? []
      : claimRules
          .filter((rule) => tokenRules.indexOf(rule) < at)
          .map((rule) => step(rule, true, seenBy(rule, token, nowMs)));
  const why =
    failure.reason === "TOKEN_MISSING"
      ? "there is no token"
      : `API Gateway ${failure.rule === "token" ? "reads the token" : `checks the ${failure.rule}`} first`;
  const after = tokenRules.slice(at + 1).map((rule: TokenRule) => notLookedAt(rule, why));
  return [...before, refused(failure.rule, refusal), ...after];
}

function step(rule: string, ok: boolean, detail: string): Step {
  return { hop: "gateway", rule, ok, detail };
}

function refused(rule: string, { seen, wanted }: GatewayRefusal): Step {
  return { hop: "gateway", rule, ok: false, detail: seen, wanted };
}

function notLookedAt(rule: string, why: string): Step {
  return { hop: "gateway", rule, ok: undefined, detail: `not looked at: ${why}` };
}

import { Code } from "@connectrpc/connect";
import type { Position } from "../config/problem.ts";
import { matches, type Selector } from "../config/selector.ts";
import type { Rejection } from "../rejection/rejection.ts";
import { includes, type Member, memberFor, printMember } from "./member.ts";
import { type Principal, printPrincipal } from "./principal.ts";

/** access.yaml, read: who may call what. */
export interface AccessRules {
  /** As the user named it, for messages. */
  readonly file: string;
  /** In file order: the last one whose selector matches decides. */
  readonly rules: readonly AccessRule[];
}

export interface AccessRule {
  readonly selector: Selector;
  readonly allow: readonly Member[];
  /** Where the rule starts. */
  readonly at: Position;
}

export type AccessDecision =
  /** detail: which rule let it in. */
  | { readonly allowed: true; readonly detail: string }
  | { readonly allowed: false; readonly rejection: Rejection };

/**
 * Whether a principal may call a method. The last rule that matches decides alone; a method that no rule matches is
 * denied to everybody.
 *
 * @param method selector of one method, echo.EchoServer.SayHello
 */
export function decideAccess(
  { file, rules }: AccessRules,
  method: string,
  principal: Principal,
): AccessDecision {
  const rule = rules.findLast(({ selector }) => matches(selector, method));
  const who = printPrincipal(principal);
  const addition = `add ${memberFor(principal)} under allow:`;
  if (rule === undefined) {
    const detail = `no rule in ${file} matches ${method}`;
    const fix = `add a rule with selector: ${method} to ${file} and ${addition} there (saved = live)`;
    return denied("ACCESS_DENIED", method, detail, fix);
  }
  const place = `${rule.at.file}:${rule.at.line}`;
  const member = rule.allow.find((one) => includes(one, principal));
  if (member !== undefined)
    return { allowed: true, detail: `${place} allows ${printMember(member)}` };
  if (principal.kind === "anonymous") {
    const detail = `${place} names who may call ${method}, and this call names nobody (${principal.rule})`;
    const fix = `send an ID token of a principal that ${place} names`;
    return denied("PRINCIPAL_MISSING", method, detail, fix);
  }
  const fix = `${addition} in ${file} (saved = live)`;
  return denied("ACCESS_DENIED", method, `${who} is not in ${place}`, fix);
}

function denied(
  reason: "ACCESS_DENIED" | "PRINCIPAL_MISSING",
  method: string,
  detail: string,
  fix: string,
): AccessDecision {
  const [code, message] =
    reason === "ACCESS_DENIED"
      ? [Code.PermissionDenied, `not allowed to call ${method}`]
      : [Code.Unauthenticated, `authentication is required to call ${method}`];
  return { allowed: false, rejection: { hop: "server", reason, code, message, detail, fix } };
}

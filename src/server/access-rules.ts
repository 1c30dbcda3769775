import { Code } from "@connectrpc/connect";
import type { Position } from "../config/problem.ts";
import { matches, type Selector } from "../config/selector.ts";
import type { Rejection } from "../rejection/rejection.ts";
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

/** IAM's kinds of members. Emails and domains in lower case. */
export type Member =
  | { readonly kind: "user" | "serviceAccount"; readonly email: string }
  | { readonly kind: "domain"; readonly domain: string }
  /** Any principal. */
  | { readonly kind: "allAuthenticatedUsers" }
  /** Also anonymous callers. */
  | { readonly kind: "allUsers" };

export type AccessDecision =
  | { readonly allowed: true /** Which rule let it in. */; readonly detail: string }
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
  const addition = `add ${memberOf(principal)} under allow:`;
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
    const fix = `send an ID token, or ${addition} in ${file} (saved = live)`;
    return denied("PRINCIPAL_MISSING", method, detail, fix);
  }
  const fix = `${addition} in ${file} (saved = live)`;
  return denied("ACCESS_DENIED", method, `${who} is not in ${place}`, fix);
}

/** As it is written in access.yaml. */
export function printMember(member: Member): string {
  switch (member.kind) {
    case "user":
    case "serviceAccount":
      return `${member.kind}:${member.email}`;
    case "domain":
      return `domain:${member.domain}`;
    default:
      return member.kind;
  }
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

function includes(member: Member, principal: Principal): boolean {
  if (member.kind === "allUsers") return true;
  if (principal.kind === "anonymous") return false;
  if (member.kind === "allAuthenticatedUsers") return true;
  if (principal.email === undefined) return false;
  return member.kind === "domain"
    ? principal.email.endsWith(`@${member.domain}`)
    : principal.email === member.email;
}

/** The member that would let this principal in, and nobody else where that can be said. */
function memberOf(principal: Principal): string {
  if (principal.kind === "anonymous") return "allUsers";
  if (principal.email === undefined) return "allAuthenticatedUsers";
  const kind = principal.email.endsWith(".gserviceaccount.com") ? "serviceAccount" : "user";
  return `${kind}:${principal.email}`;
}

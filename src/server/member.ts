import type { Principal } from "./principal.ts";

/** IAM's kinds of members. Emails and domains in lower case. */
export type Member =
  | { readonly kind: "user" | "serviceAccount"; readonly email: string }
  | { readonly kind: "domain"; readonly domain: string }
  /** Any principal. */
  | { readonly kind: "allAuthenticatedUsers" }
  /** Also anonymous callers. */
  | { readonly kind: "allUsers" };

export interface MemberFault {
  readonly fault: string;
  /** What to write instead. */
  readonly hint: string;
}

/** One entry under `allow`. */
export function parseMember(text: string): Member | MemberFault {
  if (text === "allUsers" || text === "allAuthenticatedUsers") return { kind: text };
  const colon = text.indexOf(":");
  const kind = text.slice(0, Math.max(colon, 0));
  const name = text.slice(colon + 1).toLowerCase();
  const isEmail = /^[^\s@:]+@[^\s@:]+$/.test(name);
  switch (kind) {
    case "user":
    case "serviceAccount":
      if (isEmail) return { kind, email: name };
      return { fault: `${text} names no email address`, hint: `Write ${kind}:NAME@DOMAIN` };
    case "domain":
      if (/^[^\s@:]+$/.test(name)) return { kind, domain: name };
      return { fault: `${text} names no domain`, hint: "Write domain:example.com" };
  }
  const kinds = "user:, serviceAccount:, domain:, allAuthenticatedUsers or allUsers";
  const hint = isEmail && kind === "" ? `${accountKind(name)}:${text}` : kinds;
  return { fault: `${text} is no kind of member known here`, hint: `Write ${hint}` };
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

/** Whether a principal is one of those that the member means. */
export function includes(member: Member, principal: Principal): boolean {
  if (member.kind === "allUsers") return true;
  if (principal.kind === "anonymous") return false;
  if (member.kind === "allAuthenticatedUsers") return true;
  if (principal.email === undefined) return false;
  return member.kind === "domain"
    ? principal.email.endsWith(`@${member.domain}`)
    : principal.email === member.email;
}

/** The member that would let this principal in, and nobody else where that can be said. */
export function memberFor(principal: Principal): string {
  if (principal.kind === "anonymous") return "allUsers";
  if (principal.email === undefined) return "allAuthenticatedUsers";
  return `${accountKind(principal.email)}:${principal.email}`;
}

function accountKind(email: string): "serviceAccount" | "user" {
  return email.endsWith(".gserviceaccount.com") ? "serviceAccount" : "user";
}

import { createContextKey } from "@connectrpc/connect";

/**
 * Which rule named the principal. PR-1: the token the gateway passed on. PR-2: the last hop's, signature checked here.
 * PR-3: the last hop's, checked by the platform. PR-4: the gateway itself, so nobody. PR-5: no token, so nobody.
 */
export type PrincipalRule = "PR-1" | "PR-2" | "PR-3" | "PR-4" | "PR-5";

/** Who calls, as this server proved it: never what a header only says. */
export type Principal = AnonymousPrincipal | NamedPrincipal;

/** Nobody was proved: the call carried no token, or the gateway let somebody in on a method without authentication. */
export interface AnonymousPrincipal {
  readonly kind: "anonymous";
  readonly rule: "PR-4" | "PR-5";
}

export interface NamedPrincipal {
  readonly kind: "named";
  readonly rule: "PR-1" | "PR-2" | "PR-3";
  readonly issuer: string;
  readonly subject: string;
  /** In lower case; only an address that the issuer verified. */
  readonly email: string | undefined;
}

/**
 * The principal of a call, in Connect's context values: `context.values.get(principalKey)`. Anonymous on a server that
 * checks nobody.
 */
export const principalKey = createContextKey<Principal>(
  { kind: "anonymous", rule: "PR-5" },
  { description: "who calls, as the server proved it" },
);

/** For logs and messages: the verified email, else the issuer's subject, else `anonymous`. */
export function printPrincipal(principal: Principal): string {
  if (principal.kind === "anonymous") return "anonymous";
  return principal.email ?? `subject ${principal.subject} of ${principal.issuer}`;
}

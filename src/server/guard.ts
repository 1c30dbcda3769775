import { Code, type HandlerContext } from "@connectrpc/connect";
import type { Rejection } from "../rejection/rejection.ts";
import { toConnectError } from "../rejection/rejection.ts";
import type { Step } from "../rejection/traffic.ts";
import { type AccessRules, decideAccess } from "./access-rules.ts";
import { recordKey } from "./call-record.ts";
import { type Principal, principalKey, printPrincipal } from "./principal.ts";
import { type PrincipalPolicy, provePrincipal } from "./prove-principal.ts";
import type { RequestHead } from "./request-head.ts";

/** What a guard found out about one call. */
export interface Verdict {
  /** undefined where it could not be proved. */
  readonly principal: Principal | undefined;
  readonly rejection: Rejection | undefined;
  readonly steps: readonly Step[];
}

/** Says who calls and whether they may, from the head of a call alone. `method` is its selector. */
export type Guard = (head: RequestHead, method: string) => Promise<Verdict>;

export interface GuardOptions {
  readonly principal: PrincipalPolicy;
  /** The rules now. Without them every proved caller is let in. */
  readonly rules?: () => AccessRules;
}

/** Principal first, then access: the order of the steps in the log. */
export function createGuard({ principal: policy, rules }: GuardOptions): Guard {
  return async (head, method) => {
    const proved = await provePrincipal(head, policy);
    if (!("kind" in proved)) {
      const steps = [step("principal", false, proved.detail), step("access", undefined, "")];
      return { principal: undefined, rejection: proved, steps };
    }
    const who = step("principal", true, `${proved.rule}: ${printPrincipal(proved)}`);
    const decision =
      rules === undefined ? anyoneProved(proved, method) : decideAccess(rules(), method, proved);
    if (decision.allowed)
      return {
        principal: proved,
        rejection: undefined,
        steps: [who, step("access", true, decision.detail)],
      };
    const { rejection } = decision;
    return { principal: proved, rejection, steps: [who, step("access", false, rejection.detail)] };
  };
}

/** The guard as Connect's request gate: it runs before the first message is read, for every kind of RPC and protocol. */
export function requestGate(
  guard: Guard,
  isExempt: (service: string) => boolean,
): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    const { service, method, values } = context;
    const record = values.get(recordKey);
    if (isExempt(service.typeName)) return;
    // Fail closed: a call that came some other way carries no head that could prove anybody.
    if (record === undefined) throw new Error("a call without a record reached the guard");
    const verdict = await guard(record.head, `${service.typeName}.${method.name}`);
    record.principal = verdict.principal;
    record.steps = verdict.steps;
    record.rejection = verdict.rejection;
    if (verdict.rejection !== undefined) throw toConnectError(verdict.rejection);
    if (verdict.principal !== undefined) values.set(principalKey, verdict.principal);
  };
}

function anyoneProved(
  principal: Principal,
  method: string,
):
  | { readonly allowed: true; readonly detail: string }
  | { readonly allowed: false; readonly rejection: Rejection } {
  if (principal.kind === "named")
    return { allowed: true, detail: "every verified caller is let in (--validateToken)" };
  const rejection: Rejection = {
    hop: "server",
    reason: "PRINCIPAL_MISSING",
    code: Code.Unauthenticated,
    message: `authentication is required to call ${method}`,
    detail: `the call names nobody (${principal.rule})`,
    fix: "Send an ID token in authorization: Bearer ID_TOKEN",
  };
  return { allowed: false, rejection };
}

function step(rule: string, ok: boolean | undefined, detail: string): Step {
  return { hop: "server", rule, ok, detail };
}

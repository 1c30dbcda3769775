import { relative } from "node:path";
import { Code } from "@connectrpc/connect";
import type { GatewayModel } from "../../config/model.ts";
import { printProblem } from "../../config/problem.ts";
import type { Forward } from "../../gateway/decide/decide.ts";
import type { Rejection } from "../../rejection/rejection.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import { decideAccess } from "../../server/access-rules.ts";
import type { Principal } from "../../server/principal.ts";
import { readAccess } from "../../server/read-access.ts";
import { InputError } from "../command.ts";
import type { RunningDev } from "../dev/running-dev.ts";
import { readText } from "../project.ts";

export interface BehindOptions {
  readonly model: GatewayModel;
  readonly decision: Forward;
  /** Whose Cloud Run is asked; undefined: nobody's. */
  readonly dev: RunningDev | undefined;
  /** access.yaml, absolute; undefined: the server asks nobody who calls. */
  readonly access: string | undefined;
  /** What paths are shown relative to. */
  readonly folder: string;
  readonly values: Readonly<Record<string, string>>;
  readonly nowMs: () => number;
}

/** What the hops behind the gateway would say of a call that it lets through, as far as they can be asked. */
export function behindTheGateway(options: BehindOptions): {
  readonly events: readonly TrafficEvent[];
  readonly rejection: Rejection | undefined;
} {
  const { dev } = options;
  const front = dev === undefined ? undefined : frontSays(options, dev);
  if (front?.rejection !== undefined) return { events: [front], rejection: front.rejection };
  const server = serverSays(options);
  const events = [front, server].filter((event) => event !== undefined);
  return { events, rejection: server?.rejection };
}

function event(
  { decision, nowMs }: BehindOptions,
  hop: "cloud-run" | "server",
  principal: string | undefined,
  rejection: Rejection | undefined,
): TrafficEvent {
  return {
    hop,
    traceId: undefined,
    path: decision.path,
    startedAtMs: nowMs(),
    durationMs: 0,
    grpcStatus: undefined,
    httpStatus: undefined,
    principal,
    ...(rejection === undefined ? {} : { rejection }),
  };
}

/** Whether the gateway's own token opens the service, as IAM now says. */
function frontSays(options: BehindOptions, { facts }: RunningDev): TrafficEvent {
  const { gatewayAccount, gatewayMayInvoke, service } = facts;
  const member = `serviceAccount:${gatewayAccount}`;
  const rejection: Rejection | undefined = gatewayMayInvoke
    ? undefined
    : {
        hop: "cloud-run",
        reason: "RUN_FORBIDDEN",
        code: Code.PermissionDenied,
        message: "The request was not authorized to invoke this service",
        detail: `${member} has no role with run.routes.invoke on ${service}`,
        fix: `grant roles/run.invoker to ${member} on ${service}`,
      };
  return event(options, "cloud-run", gatewayAccount, rejection);
}

function serverSays(options: BehindOptions): TrafficEvent | undefined {
  const { model, decision, access, folder, values } = options;
  if (access === undefined) return undefined;
  const methods = [...model.routes.values()].map(({ selector }) => selector);
  const { rules, problems } = readAccess(
    relative(folder, access),
    readText(access, folder),
    methods,
    values,
  );
  if (rules === undefined) throw new InputError(problems.map(printProblem).join("\n"));
  const principal = principalOf(decision);
  const decided = decideAccess(rules, decision.route.selector, principal);
  const name = principal.kind === "named" ? (principal.email ?? principal.subject) : undefined;
  const rejection = decided.allowed ? undefined : decided.rejection;
  const steps = decided.allowed
    ? [{ hop: "server", rule: "access", ok: true, detail: decided.detail } as const]
    : [];
  return { ...event(options, "server", name, rejection), steps };
}

/** PR-1 where a token was checked; PR-4: the gateway let somebody in without one. */
function principalOf({ claims }: Forward): Principal {
  if (claims === undefined) return { kind: "anonymous", rule: "PR-4" };
  const { iss: issuer, sub, email, emailVerified } = claims;
  return {
    kind: "named",
    rule: "PR-1",
    issuer,
    subject: sub ?? "",
    email: emailVerified ? email?.toLowerCase() : undefined,
  };
}

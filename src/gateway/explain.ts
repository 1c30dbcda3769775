import { codeName } from "../rejection/code-name.ts";
import { type Hop, hops } from "../rejection/hop.ts";
import { aboutReasons, type RejectionReason } from "../rejection/reasons.ts";
import type { Rejection } from "../rejection/rejection.ts";
import type { HopDid, Story } from "../rejection/story.ts";
import type { Step, TrafficEvent } from "../rejection/traffic.ts";
import type { Forward, Refuse } from "./decide/decide.ts";

export { printStory } from "../rejection/print-story.ts";
export { type Story, type StoryJson, storyJson } from "../rejection/story.ts";

/** The call, as somebody would type it again. */
export interface CallContext {
  /** Default `npx callpath call`. */
  readonly command?: string;
  /** echo.EchoServer/SayHello */
  readonly method: string;
  /** The message as JSON; undefined: none was given. */
  readonly message?: string | undefined;
  /** The token's audience; undefined: no token was sent. */
  readonly audience?: string | undefined;
  /** `--as`, where it was given. */
  readonly as?: string | undefined;
  /** Who calls without `--as`: gateway-client-sa. */
  readonly usualCaller?: string | undefined;
  /** Other flags to keep, each word on its own: `--address`, `https://…`. Not --audience, --as, --anonymous, nor an authorization header. */
  readonly flags?: readonly string[];
  /** The hops between the client and the answer; default all. A call to Cloud Run directly: cloud-run, server. */
  readonly path?: readonly Hop[];
}

/** What is known of a call. Give what there is. */
export interface CallEvidence {
  /** How the call ended for its caller: status, 0 for OK, and words. undefined: no call was made. */
  readonly answer?: { readonly code: number; readonly message: string } | undefined;
  /** What the hops said of it. */
  readonly events?: readonly TrafficEvent[] | undefined;
  /** The gateway's decision, with steps, of a call that was not made. */
  readonly decision?: Forward | Refuse | undefined;
  /** What the caller's side makes of the answer: its own refusal, or a classified one. Believed where no hop says more. */
  readonly rejection?: Rejection | undefined;
}

/** The story of one call: who refused it and why, what each hop looked at, and one thing to do. */
export function explain(evidence: CallEvidence, context: CallContext): Story {
  const { answer, events = [], decision } = evidence;
  const rejection = rejectionOf(evidence);
  const code = answer?.code ?? rejection?.code ?? 0;
  const path = (context.path ?? callHops).map((hop) => ({
    hop,
    did: whatItDid(hop, rejection, events, decision),
  }));
  return {
    verdict: rejection === undefined ? "allowed" : "rejected",
    hop: rejection?.hop,
    reason: rejection?.reason,
    code: codeName(code),
    message: rejection?.message ?? "",
    answer: answer?.message,
    path,
    steps: stepsOf(rejection, evidence, context),
    fix: rejection === undefined ? "" : fixOf(rejection, context),
  };
}

const callHops = hops.filter((hop) => hop !== "client");

/** The refusal nearest to the service is the cause; what others then said follows from it. */
function rejectionOf({
  answer,
  events = [],
  decision,
  rejection,
}: CallEvidence): Rejection | undefined {
  if (answer?.code === 0) return undefined;
  const told = hops
    .toReversed()
    .map((hop) => events.findLast((event) => event.hop === hop)?.rejection);
  const found = told.find((one) => one !== undefined);
  if (found !== undefined) return found;
  if (decision?.kind === "refuse") return decision.refusal;
  if (rejection !== undefined || answer === undefined) return rejection;
  const hop = events.some((event) => event.hop === "server") ? "server" : "client";
  const reason: RejectionReason = hop === "server" ? "SERVICE_ERROR" : "UNKNOWN";
  return { hop, reason, ...answer, detail: "", fix: aboutReasons[reason].fix };
}

/** Refusals of a call that had gone on already. */
const midway: ReadonlySet<RejectionReason> = new Set([
  "DEADLINE_EXCEEDED",
  "BACKEND_DEADLINE",
  "BACKEND_UNREACHABLE",
  "STREAM_IDLE",
  "CALL_RESET",
  "RUN_TIMEOUT",
  "RUN_CONTAINER_ERROR",
  "SERVICE_ERROR",
  "UNKNOWN",
]);

function whatItDid(
  hop: Hop,
  rejection: Rejection | undefined,
  events: readonly TrafficEvent[],
  decision: Forward | Refuse | undefined,
): HopDid {
  const sawIt = events.some((event) => event.hop === hop);
  if (rejection === undefined) {
    const isGateway = hop === "gateway" && decision?.kind === "forward";
    return sawIt || isGateway ? "let-through" : undefined;
  }
  if (rejection.hop === hop) return rejection.reason === "SERVICE_ERROR" ? "answered" : "refused";
  if (hops.indexOf(hop) < hops.indexOf(rejection.hop)) return "let-through";
  if (sawIt) return "let-through";
  return midway.has(rejection.reason) ? undefined : "never-saw-it";
}

/** The rules of the hop that refused, where it says them; else a sentence for each hop that saw the call. */
function stepsOf(
  rejection: Rejection | undefined,
  { events = [], decision }: CallEvidence,
  context: CallContext,
): readonly Step[] {
  const refusing = events.findLast(({ hop }) => hop === rejection?.hop);
  if (decision !== undefined && (rejection === undefined || rejection.hop === "gateway"))
    return decision.steps;
  const isFirst = rejection?.hop === "gateway" && (refusing?.steps?.length ?? 0) > 0;
  if (isFirst) return refusing?.steps ?? [];
  const sentences = hops.flatMap((hop) => {
    const event = events.findLast((one) => one.hop === hop);
    if (rejection?.hop === hop)
      return rejection.detail === "" ? [] : [sentence(hop, false, rejection.detail)];
    if (hop === "gateway" && event === undefined && decision?.kind === "forward")
      return [
        sentence(hop, true, gatewaySays(decision.claims?.email ?? decision.claims?.sub, context)),
      ];
    return event === undefined ? [] : [sentence(hop, true, passingWords(event, context))];
  });
  return sentences;
}

function sentence(hop: Hop, ok: boolean, detail: string): Step {
  return { hop, rule: hop === "cloud-run" ? "cloud run" : hop, ok, detail };
}

/** What a hop that let the call through can say of it. */
function passingWords(
  { hop, principal, steps = [], rejection }: TrafficEvent,
  context: CallContext,
): string {
  if (rejection !== undefined) return rejection.detail;
  if (hop === "gateway") return gatewaySays(principal, context);
  if (hop === "cloud-run")
    return principal === undefined
      ? "everybody may call this service: let through"
      : `the caller is ${shortName(principal)}, which has run.invoker: let through`;
  const access = steps.find(({ rule }) => rule === "access")?.detail;
  return [principal ?? "anonymous", access]
    .filter((part) => part !== undefined && part !== "")
    .join(": ");
}

function gatewaySays(principal: string | undefined, { audience }: CallContext): string {
  if (principal === undefined) return "no token is needed for this method: let through";
  const token =
    audience === undefined
      ? `a valid token of ${principal}`
      : `a valid Google token for ${audience}`;
  return `${token}: let through, as API Gateway would`;
}

/** gateway-sa for gateway-sa@PROJECT.iam.gserviceaccount.com; another address as it is. */
function shortName(email: string): string {
  return email.replace(/@[^@]+\.iam\.gserviceaccount\.com$/, "");
}

/** A command where one helps, complete; else what the refusing hop says. */
function fixOf(rejection: Rejection, context: CallContext): string {
  const { reason, accepted, fix } = rejection;
  switch (reason) {
    case "TOKEN_MISSING":
    case "TOKEN_MALFORMED":
    case "ALGORITHM_NOT_SUPPORTED":
    case "TOKEN_EXPIRED":
    case "AUDIENCE_MISMATCH":
      return accepted === undefined ? fix : callCommand({ ...context, audience: accepted });
    case "RUN_UNAUTHENTICATED":
    case "RUN_TOKEN_INVALID": {
      // Through the gateway the token in question is the gateway's own: no flag of the caller changes it.
      const isDirect = context.path !== undefined && !context.path.includes("gateway");
      return accepted === undefined || !isDirect
        ? fix
        : callCommand({ ...context, audience: accepted });
    }
    case "METHOD_NOT_FOUND":
      return accepted === undefined
        ? fix
        : callCommand({ ...context, method: accepted.replace(/^\//, "") });
    case "ACCESS_DENIED":
      return context.as === undefined || context.usualCaller === undefined
        ? fix
        : `${fix}, or call as ${context.usualCaller}`;
    default:
      return fix;
  }
}

function callCommand({
  command = "npx callpath call",
  method,
  message,
  as,
  audience,
  flags = [],
}: CallContext): string {
  const words = [
    method,
    ...(message === undefined ? [] : [message]),
    ...(as === undefined ? [] : ["--as", as]),
    ...flags,
    ...(audience === undefined ? [] : ["--audience", audience]),
  ];
  return [command, ...words.map(quoted)].join(" ");
}

/** As a POSIX shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

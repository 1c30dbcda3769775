import type { DescMethod } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { IdToken } from "../../auth/token-source.ts";
import { explain, printStory, storyJson } from "../../gateway/explain.ts";
import type { Hop } from "../../rejection/hop.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import type { CallFlags } from "../call.ts";
import type { Context } from "../command.ts";
import { callRejection, mintRejection } from "./call-rejection.ts";
import type { CallTarget } from "./call-target.ts";
import { printMethod } from "./find-method.ts";

/** What is known about a call that failed. */
export interface FailedCall {
  /** A ConnectError, or what the token source threw. */
  readonly error: Error;
  readonly method: DescMethod;
  readonly target: CallTarget;
  readonly token: IdToken | undefined;
  readonly traceId: string;
  /** The message, as it would be typed again. */
  readonly json: string | undefined;
}

/** Say on stderr (with --json on stdout) which hop refused the call, why, and the fix. */
export async function tellFailure(
  { flags, note, print }: Context<CallFlags>,
  call: FailedCall,
): Promise<void> {
  const { error, target, token } = call;
  const isDirect = target.dev !== undefined && target.url.origin === target.dev.facts.run;
  const throughGateway = target.dev === undefined ? undefined : !isDirect;
  const story = explain(
    {
      answer: error instanceof ConnectError ? answerOf(error) : mintRejection(error),
      events: await eventsOf(call),
      rejection: callRejection(error, { sentToken: token !== undefined, throughGateway }),
    },
    {
      method: printMethod(call.method),
      message: call.json,
      audience: target.audience,
      as: flags.as,
      flags: keptFlags(flags),
      ...(target.dev === undefined ? {} : { usualCaller: "gateway-client-sa" }),
      ...(isDirect ? { path: directPath } : {}),
    },
  );
  if (flags.json) print(JSON.stringify(storyJson(story)));
  else note(printStory(story));
}

function answerOf({ code, rawMessage: message }: ConnectError) {
  return { code, message };
}

const directPath: readonly Hop[] = ["cloud-run", "server"];

/** What the running dev saw of it; nothing where the call never left or went elsewhere. */
async function eventsOf({ error, target, traceId }: FailedCall): Promise<readonly TrafficEvent[]> {
  if (target.dev === undefined || !(error instanceof ConnectError)) return [];
  // A dev that ends meanwhile leaves what the caller's side knows.
  return target.dev.eventsOf(traceId).catch(() => []);
}

/** The flags that the same call would need again, but those the fix may change. */
function keptFlags(flags: Context<CallFlags>["flags"]): readonly string[] {
  const names = [
    "address",
    "servername",
    "cacert",
    "service-account",
    "impersonate",
    "timeout",
    "image",
    "state",
  ] as const;
  return [
    ...names.flatMap((name) => (flags[name] === undefined ? [] : [`--${name}`, flags[name]])),
    ...flags.header
      .filter((entry) => !/^authorization\s*:/i.test(entry))
      .flatMap((entry) => ["-H", entry]),
  ];
}

import { LOST } from "../../http2/exchange.ts";
import type { RelayFailure, RelayOutcome } from "../../http2/relay.ts";
import { containerError, type Denial, noInstance, startFailed, timedOut } from "./denials.ts";
import type { RunCall } from "./run-call.ts";
import type { RunningRevision } from "./running-revision.ts";
import type { NoInstance } from "./waiting-calls.ts";

/** No instance could take the call. */
export function noInstanceDenial({ kind, detail }: NoInstance, { spec }: RunningRevision): Denial {
  if (kind === "busy") {
    return noInstance(
      `${detail} (at most ${spec.maxInstances} instances with ${spec.concurrency} calls each)`,
      "raise template.scaling.max_instance_count, or call less at once",
    );
  }
  return startFailed(detail, "repair what the container's last lines say, and deploy again");
}

/** An instance had the call, and nothing of an answer came. */
export function failureDenial(call: RunCall, failure: RelayFailure): Denial {
  switch (failure.kind) {
    case "deadline":
    case "idle":
      return timedOut(call.source?.revision.spec.timeoutMs ?? 0);
    case "overflow":
      return noInstance(
        "too many calls wait for a connection to the instance",
        "call less at once",
      );
    case "unreachable":
      if (call.source?.refusal !== undefined) {
        return noInstanceDenial(call.source.refusal, call.source.revision);
      }
      return containerError(failure.detail, lostDetail(call, failure.detail));
  }
}

/** What the event says of an answer that had begun and did not end by itself: the caller saw a reset. */
export function cutShort(
  call: RunCall,
  { code, endedBy, status }: RelayOutcome,
): Denial | undefined {
  if (status === undefined) return undefined;
  if (endedBy === "relay" && code !== 0) return timedOut(call.source?.revision.spec.timeoutMs ?? 0);
  if (endedBy === "upstream" && code === LOST) {
    return containerError("connection termination", lostDetail(call, "it was answering"));
  }
  return undefined;
}

function lostDetail({ source }: RunCall, what: string): string {
  if (source === undefined) return what;
  const { id, lastLines } = source.instance;
  return [
    `instance ${id} was lost under the call: ${what}`,
    ...lastLines.map((line) => `  ${line}`),
  ].join("\n");
}

import type { RelayOutcome } from "../../http2/relay.ts";
import type { Rejection } from "../../rejection/rejection.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import type { Denial } from "./denials.ts";
import type { InstanceSource } from "./instance-source.ts";

/** The front's record of one call. */
export interface RunCall {
  /** HEAD gets no body. */
  readonly method: string;
  readonly path: string;
  readonly startedAtMs: number;
  readonly traceId: string;
  /** Who calls, where a token was checked. */
  readonly principal: string | undefined;
  revision: string | undefined;
  source: InstanceSource | undefined;
  /** Set when the front itself ended it. */
  denial: Denial | undefined;
}

/** The traffic event of a call that has ended; `outcome` is undefined for one that never reached an instance. */
export function trafficEvent(
  call: RunCall,
  outcome: RelayOutcome | undefined,
  nowMs: number,
): TrafficEvent {
  const { path, startedAtMs, traceId, principal, revision, source, denial } = call;
  return {
    hop: "cloud-run",
    traceId,
    path,
    startedAtMs,
    durationMs: nowMs - startedAtMs,
    grpcStatus: numberOf(outcome?.grpcStatus),
    httpStatus: numberOf(outcome?.status) ?? denial?.httpStatus,
    principal,
    ...(revision === undefined ? {} : { revision }),
    ...(source === undefined ? {} : { instanceId: source.instance.id }),
    ...(denial === undefined ? {} : { rejection: rejectionOf(denial) }),
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function rejectionOf({ hop, reason, code, message, detail, fix }: Denial): Rejection {
  return { hop, reason, code, message, detail, fix };
}

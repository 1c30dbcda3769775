import type { Decision } from "../src/gateway/decide/decide.ts";
import type { CallContext, CallEvidence } from "../src/gateway/explain.ts";
import type { Rejection } from "../src/rejection/rejection.ts";
import type { TrafficEvent } from "../src/rejection/traffic.ts";
import { refusalOf } from "./made-decision.ts";

export const context: CallContext = {
  method: "echo.EchoServer/SayHello",
  message: '{"name":"Ada"}',
  audience: "grpcs://grpc-gateway-1",
  usualCaller: "gateway-client-sa",
};

export const client = "gateway-client-sa@callpath-local.iam.gserviceaccount.com";
export const gatewaySa = "gateway-sa@callpath-local.iam.gserviceaccount.com";

export function event(hop: TrafficEvent["hop"], more: Partial<TrafficEvent> = {}): TrafficEvent {
  const path = "/echo.EchoServer/SayHello";
  const times = { startedAtMs: 0, durationMs: 1 };
  return {
    hop,
    traceId: "t",
    path,
    ...times,
    grpcStatus: 0,
    httpStatus: 200,
    principal: undefined,
    ...more,
  };
}

/** What dev knows of a call that the gateway refused: its event, and what the caller saw (ER-2). */
export function refusedByGateway(decision: Decision): CallEvidence {
  const refusal = refusalOf(decision);
  const message = JSON.stringify({ code: refusal.httpStatus, message: refusal.message });
  return {
    answer: { code: refusal.code, message },
    events: [event("gateway", { rejection: refusal, steps: decision.steps })],
  };
}

export const rejection = (
  more: Pick<Rejection, "hop" | "reason" | "code"> & Partial<Rejection>,
): Rejection => ({
  message: "words",
  detail: "what was seen",
  fix: "what to do",
  ...more,
});

export const passedGateway = event("gateway", { principal: client });
export const passedRun = event("cloud-run", { principal: gatewaySa });

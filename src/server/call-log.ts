import { Code } from "@connectrpc/connect";
import type { TrafficEvent } from "../rejection/traffic.ts";
import type { CallOutcome, CallRecord } from "./call-record.ts";
import { printPrincipal } from "./principal.ts";
import { headerOf } from "./request-head.ts";
import { traceContextOf } from "./trace-context.ts";

export type Severity = "DEBUG" | "INFO" | "WARNING" | "ERROR";

/**
 * One line of the log, as Cloud Logging reads it from stdout.
 * @see https://cloud.google.com/logging/docs/structured-logging
 */
export interface LogEntry {
  readonly severity: Severity;
  readonly message: string;
  /** RFC 3339. */
  readonly time: string;
  readonly [field: string]: unknown;
}

/** What is the same for every call of a server. */
export interface LogContext {
  /** undefined: trace ids are not linked. */
  readonly projectId: string | undefined;
  readonly revision: string | undefined;
  readonly instanceId: string | undefined;
}

/** The line of one call. The field `callpath` is the server's traffic event; no token is ever in it. */
export function callLogEntry(
  record: CallRecord,
  outcome: CallOutcome,
  { projectId, revision, instanceId }: LogContext,
): LogEntry {
  const header = (name: string): string | undefined => headerOf(record.head, name);
  const trace = traceContextOf(header);
  // A query may hold a token.
  const path = record.head.path.split("?", 1)[0] ?? "";
  const durationMs = Math.max(0, outcome.endedAtMs - record.startedAtMs);
  const { principal, rejection, steps } = record;
  const event: TrafficEvent = {
    hop: "server",
    traceId: trace?.traceId,
    path,
    startedAtMs: record.startedAtMs,
    durationMs,
    grpcStatus: outcome.grpcStatus,
    httpStatus: outcome.httpStatus,
    principal: principal === undefined ? undefined : printPrincipal(principal),
    ...(revision === undefined ? {} : { revision }),
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(rejection === undefined ? {} : { rejection }),
    ...(steps.length === 0 ? {} : { steps }),
  };
  return {
    severity: severityOf(record, outcome),
    message: messageOf(event, outcome),
    time: new Date(outcome.endedAtMs).toISOString(),
    ...(trace === undefined || projectId === undefined
      ? {}
      : {
          "logging.googleapis.com/trace": `projects/${projectId}/traces/${trace.traceId}`,
          "logging.googleapis.com/spanId": trace.spanId,
          "logging.googleapis.com/trace_sampled": trace.sampled,
        }),
    httpRequest: {
      requestMethod: record.head.method,
      requestUrl: `${record.head.scheme}://${record.head.authority}${path}`,
      status: outcome.httpStatus,
      responseSize: String(outcome.bytes),
      userAgent: header("user-agent"),
      remoteIp: record.remoteAddress,
      latency: `${(durationMs / 1000).toFixed(3)}s`,
      protocol: record.protocol,
    },
    ...(record.fault === undefined ? {} : { stack_trace: stackOf(record.fault) }),
    callpath: event,
  };
}

/** echo.EchoServer/SayHello PERMISSION_DENIED in 3 ms, eve@example.com: eve@example.com is not in server/access.yaml:3 */
function messageOf(event: TrafficEvent, outcome: CallOutcome): string {
  const { path, grpcStatus, httpStatus, durationMs, principal, rejection } = event;
  const http = httpStatus === undefined ? "no answer" : `HTTP ${httpStatus}`;
  const answer = grpcStatus === undefined ? http : statusName(grpcStatus);
  const status = outcome.cancelled ? "CANCELLED by the caller" : answer;
  const who = principal === undefined ? "" : `, ${principal}`;
  const why = rejection === undefined ? "" : `: ${rejection.detail}`;
  return `${path.slice(1)} ${status} in ${Math.round(durationMs)} ms${who}${why}`;
}

/** gRPC's own spelling: PERMISSION_DENIED. */
function statusName(status: number): string {
  if (status === 0) return "OK";
  if (status === Code.Canceled) return "CANCELLED";
  const name = (Code as Record<number, string | undefined>)[status];
  return name?.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase() ?? `status ${status}`;
}

/** Statuses that say the server is at fault. */
const ours: readonly number[] = [Code.Unknown, Code.Internal, Code.DataLoss];

function severityOf(
  { head, rejection }: CallRecord,
  { grpcStatus, httpStatus }: CallOutcome,
): Severity {
  if (rejection !== undefined) return "WARNING";
  // A probe every few seconds is nobody's news.
  if (grpcStatus === 0) return head.path.startsWith("/grpc.health.v1.Health/") ? "DEBUG" : "INFO";
  if (grpcStatus !== undefined) return ours.includes(grpcStatus) ? "ERROR" : "WARNING";
  return httpStatus === undefined || httpStatus < 400 ? "INFO" : "WARNING";
}

function stackOf(fault: unknown): string {
  return fault instanceof Error ? (fault.stack ?? String(fault)) : String(fault);
}

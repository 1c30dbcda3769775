import type { Hop, Rejection } from "./rejection.ts";

/** What one hop did with one RPC; joined to the other hops' events by trace id. */
export interface TrafficEvent {
  readonly hop: Hop;
  /** 32 hex digits: the trace part of traceparent or x-cloud-trace-context; undefined when the call carried none. */
  readonly traceId: string | undefined;
  /** Path as received, /echo.EchoServer/SayHello. */
  readonly path: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** gRPC status as the hop answered or passed it on; undefined where none was seen (reset, plain HTTP). */
  readonly grpcStatus: number | undefined;
  readonly httpStatus: number | undefined;
  /** Who called, as this hop proved it: an email or a subject. */
  readonly principal: string | undefined;
  /** The gateway's: which of its connections the call came over; the same for all calls of one channel. */
  readonly connection?: string;
  /** Cloud Run's: which revision and instance answered. */
  readonly revision?: string;
  readonly instanceId?: string;
  /** Set when this hop refused the call. */
  readonly rejection?: Rejection;
  /** The gateway's decision, step by step, where it was asked to keep it. */
  readonly steps?: readonly Step[];
}

/** One thing a hop looked at, in the order it looked. */
export interface Step {
  readonly hop: Hop;
  /** route, issuer, time, audience, signature, api key, role, principal, access, … */
  readonly rule: string;
  /** undefined: not looked at, because an earlier step refused. */
  readonly ok: boolean | undefined;
  /** What was seen; where nothing was looked at: why. */
  readonly detail: string;
  /** Where refused: what was wanted, with file:line:column of the rule. */
  readonly wanted?: string;
}

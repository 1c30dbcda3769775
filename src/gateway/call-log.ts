import type { IdTokenClaims } from "../auth/parse-token.ts";
import type { Session } from "../http2/exchange.ts";
import { firstValue, type Head } from "../http2/head.ts";
import type { RelayOutcome } from "../http2/relay.ts";
import type { Rejection } from "../rejection/rejection.ts";
import type { Step, TrafficEvent } from "../rejection/traffic.ts";
import type { RoutePlan } from "./routing.ts";

/** The gateway's record of one forwarded call. */
export interface Call {
  readonly startedAtMs: number;
  readonly path: string;
  readonly plan: RoutePlan;
  readonly traceId: string | undefined;
  /** Its connection's number, where calls are told to somebody. */
  readonly connection: string | undefined;
  readonly claims: IdTokenClaims | undefined;
  /** Set when the gateway itself ended it. */
  failure: (Rejection & { readonly httpStatus: number }) | undefined;
}

/** Tells each call's end to `onTraffic`: one event a call. */
export class CallLog {
  readonly #emit: (event: TrafficEvent) => void;
  readonly #nowMs: () => number;
  readonly #connections = new WeakMap<Session, string>();
  #connectionsSeen = 0;

  constructor(emit: (event: TrafficEvent) => void, nowMs: () => number) {
    this.#emit = emit;
    this.#nowMs = nowMs;
  }

  /** The same for all calls of one connection. */
  connectionOf(session: Session): string {
    const known = this.#connections.get(session);
    if (known !== undefined) return known;
    const id = String(++this.#connectionsSeen);
    this.#connections.set(session, id);
    return id;
  }

  forwarded(call: Call, outcome: RelayOutcome): void {
    const { startedAtMs, path, traceId, connection, failure, claims } = call;
    const status = outcome.grpcStatus === undefined ? undefined : Number(outcome.grpcStatus);
    this.#emit({
      hop: "gateway",
      traceId,
      path,
      startedAtMs,
      durationMs: this.#sinceMs(startedAtMs),
      grpcStatus: failure?.code ?? status,
      httpStatus: outcome.status === undefined ? undefined : Number(outcome.status),
      principal: principalOf(claims),
      ...(connection === undefined ? {} : { connection }),
      ...(failure === undefined ? {} : { rejection: failure }),
    });
  }

  refused(
    head: Head,
    startedAtMs: number,
    rejection: Rejection,
    httpStatus: number,
    steps?: readonly Step[],
  ): void {
    this.#emit({
      hop: "gateway",
      traceId: traceIdOf(head),
      path: withoutQuery(firstValue(head, ":path") ?? ""),
      startedAtMs,
      durationMs: this.#sinceMs(startedAtMs),
      grpcStatus: rejection.code,
      httpStatus,
      principal: undefined,
      rejection,
      ...(steps === undefined ? {} : { steps }),
    });
  }

  /** Not less than nothing: a clock may be set back under a call. */
  #sinceMs(startedAtMs: number): number {
    return Math.max(0, this.#nowMs() - startedAtMs);
  }
}

/** A query may carry a token (AP-7) or a key (UC-4). */
function withoutQuery(path: string): string {
  const mark = path.indexOf("?");
  return mark < 0 ? path : path.slice(0, mark);
}

function principalOf(claims: IdTokenClaims | undefined): string | undefined {
  return claims?.email ?? claims?.sub;
}

/** The trace part of traceparent, else of x-cloud-trace-context. @see https://www.w3.org/TR/trace-context/#traceparent-header */
export function traceIdOf(head: Head): string | undefined {
  const parent = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-/.exec(
    firstValue(head, "traceparent") ?? "",
  );
  if (parent !== null) return parent[1];
  return /^([\da-f]{32})(?:[/;]|$)/.exec(firstValue(head, "x-cloud-trace-context") ?? "")?.[1];
}

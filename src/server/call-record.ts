import { createContextKey } from "@connectrpc/connect";
import type { Rejection } from "../rejection/rejection.ts";
import type { Step } from "../rejection/traffic.ts";
import type { Principal } from "./principal.ts";
import type { RequestHead } from "./request-head.ts";

/** What is learned about one call on its way through the server; its log line is made of it. */
export interface CallRecord {
  readonly head: RequestHead;
  /** HTTP/2.0 or HTTP/1.1 */
  readonly protocol: string;
  readonly remoteAddress: string | undefined;
  readonly startedAtMs: number;
  /** undefined: nobody asked. */
  principal: Principal | undefined;
  steps: readonly Step[];
  rejection: Rejection | undefined;
  /** What the implementation threw, when it was no ConnectError: Connect hides it from callers, and the log must not. */
  fault: unknown;
}

export function newRecord(
  about: Pick<CallRecord, "head" | "protocol" | "remoteAddress" | "startedAtMs">,
): CallRecord {
  return { ...about, principal: undefined, steps: [], rejection: undefined, fault: undefined };
}

/** How a call ended. */
export interface CallOutcome {
  readonly httpStatus: number | undefined;
  readonly grpcStatus: number | undefined;
  /** Body bytes of the answer. */
  readonly bytes: number;
  /** The caller reset it, or the connection went away, before its answer was whole. */
  readonly cancelled: boolean;
  readonly endedAtMs: number;
}

/** In the context values of every call. */
export const recordKey = createContextKey<CallRecord | undefined>(undefined, {
  description: "what the server learned about this call",
});

import type { UpstreamPool } from "./client.ts";
import type { ErrorCode, Exchange } from "./exchange.ts";
import type { Head } from "./head.ts";
import type { RelayCall } from "./relay-call.ts";

/** Where one call goes. */
export interface RelayTarget {
  /** Asked again before a retry: whoever chooses among upstreams may then name another. */
  readonly pool: Pick<UpstreamPool, "pick" | "wait" | "leave">;
  /** The head to send upstream. */
  readonly head: Head;
  /** The whole answer must be there within this, from `forward` on, retries included, milliseconds; undefined: no deadline. */
  readonly deadlineMs: number | undefined;
  /** The longest silence of both sides, milliseconds; undefined: any. */
  readonly idleMs: number | undefined;
  /** Default true: once, where the upstream cannot have begun the call (LM-2). */
  readonly retry?: boolean;
}

/** Why a call has no answer of the upstream. */
export type RelayFailure =
  | {
      /** Connect failed, connection lost, or the upstream reset before its head. */
      readonly kind: "unreachable";
      /** In Envoy's words, e.g. "remote connection failure, transport failure reason: …", "connection termination". */
      readonly detail: string;
      readonly retried: boolean;
    }
  | { readonly kind: "deadline" }
  | { readonly kind: "idle"; readonly requestEnded: boolean }
  | { readonly kind: "overflow" };

/** How a forwarded call ended. */
export interface RelayOutcome {
  /** The answer's `:status`, as the upstream sent it. */
  readonly status: string | undefined;
  /** From the trailers, or the head that was the whole answer. */
  readonly grpcStatus: string | undefined;
  /** 0: the answer left whole. Else how it ended. */
  readonly code: ErrorCode;
  readonly endedBy: "upstream" | "downstream" | "relay";
}

/** One object a role; C is the user's record of one call. */
export interface RelayPolicy<C> {
  /** The upstream's head (also 1xx) as it goes downstream; return the same object to leave it alone. */
  answerHead?(call: C, head: Head): Head;
  /** The upstream's trailers as they go downstream. */
  answerTrailers?(call: C, trailers: Head): Head;
  /** The caller's trailers as they go upstream (identity headers are stripped here). */
  requestTrailers?(call: C, trailers: Head): Head;
  /** Nothing of the answer has left: write one in the hop's own words on `exchange`. Later failures the relay resets itself. */
  fail(call: C, exchange: Exchange<RelayCall<C> | undefined>, failure: RelayFailure): void;
  /** Exactly once a forwarded call, after `fail` if there was one. */
  end(call: C, outcome: RelayOutcome): void;
  /** Something above threw: the call was reset with INTERNAL_ERROR. */
  onError?(call: C, error: unknown): void;
}

import type { TargetName } from "./targets/target.ts";

/** One kind of load, the same for each target. */
export interface Workload {
  /** For `--only` and the results. */
  readonly name: string;
  readonly title: string;
  readonly client: "h2load" | "grpc-go" | "grpc-js";
  readonly kind: RpcKind;
  /** Of one message, each way. */
  readonly bytes: number;
  readonly connections: number;
  /** Calls at once on each connection. */
  readonly inFlight: number;
  /** Between client and target; behind it is always h2c. */
  readonly tls: boolean;
  /** grpc-go: a deadline and two random ids on each call. */
  readonly varied: boolean;
  readonly targets: readonly TargetName[];
  readonly goals: readonly Goal[];
}

/** Stream: one message, 100 in answer. Bidi: ten messages, each answered before the next is sent. */
export type RpcKind = "unary" | "stream" | "bidi";

/** Ours may be at most so many times the peer's. */
export interface Goal {
  readonly metric: "cpuUs" | "p50Us" | "p99Us";
  readonly peer: "envoy" | "nginx";
  readonly atMost: number;
}

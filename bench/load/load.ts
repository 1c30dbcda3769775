import type { Surroundings } from "../surroundings.ts";
import type { Target } from "../targets/target.ts";
import type { Workload } from "../workload.ts";

/** What became of the calls of one measurement, as their client saw it. */
export interface LoadResult {
  /** Calls that got their whole answer. */
  readonly done: number;
  readonly failed: number;
  /** Of one that failed; "" when none did. */
  readonly failure: string;
  readonly seconds: number;
  /** Half of the calls took at most so long, microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface LoadOptions {
  readonly around: Surroundings;
  readonly target: Target;
  readonly workload: Workload;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Read what our own clients print. */
export function parseLoadResult(client: string, text: string): LoadResult {
  const value: unknown = JSON.parse(text);
  if (!isLoadResult(value))
    throw new Error(`${client} printed something else: ${text.slice(0, 200)}`);
  return value;
}

function isLoadResult(value: unknown): value is LoadResult {
  const numbers = ["done", "failed", "seconds", "p50Us", "p99Us"];
  return (
    typeof value === "object" &&
    value !== null &&
    numbers.every((name) => typeof Reflect.get(value, name) === "number") &&
    typeof Reflect.get(value, "failure") === "string"
  );
}

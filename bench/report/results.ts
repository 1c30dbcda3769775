import type { MemoryFigures } from "../memory.ts";
import { memoryGoals } from "../memory-goals.ts";
import { judge, type Measured, type Metric, metricOf, type Series } from "../summary.ts";
import type { Machine } from "./machine.ts";

/** All of a run, as it is kept. */
export interface BenchRun {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly machine: Machine;
  /** How the target and its load shared the machine. */
  readonly cores: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly measured: readonly Measured[];
  readonly memory: readonly MemoryFigures[];
}

/** Medians with every round beside them, three digits that count each. */
export function resultsJson(run: BenchRun): string {
  const { measured, memory, ...rest } = run;
  const workloads = measured.map((one) => ({
    name: one.workload.name,
    title: one.workload.title,
    goals: one.workload.goals.flatMap((goal) => judge(one, goal) ?? []),
    targets: one.series.map((series) => ({ target: series.target, ...figuresOf(series) })),
  }));
  const value = { ...rest, workloads, memory, memoryGoals: memoryGoals(memory) };
  return `${JSON.stringify(value, (_key, part: unknown) => rounded(part), 2)}\n`;
}

const metrics: readonly Metric[] = [
  "cpuUs",
  "rps",
  "p50Us",
  "p99Us",
  "memoryMb",
  "others",
  "failed",
];

function figuresOf(series: Series): Record<string, unknown> {
  return Object.fromEntries(
    metrics.map((metric) => [
      metric,
      {
        ...metricOf(series, metric),
        rounds: series.samples.map((sample) => rounded(sample[metric])).join(" "),
      },
    ]),
  );
}

function rounded(value: unknown): unknown {
  if (typeof value !== "number" || Number.isInteger(value)) return value;
  return Number(value.toPrecision(Math.abs(value) >= 1000 ? 5 : 3));
}

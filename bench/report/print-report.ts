import type { MemoryFigures } from "../memory.ts";
import { type MemoryVerdict, memoryGoals } from "../memory-goals.ts";
import {
  failedIn,
  judge,
  type Measured,
  metricOf,
  othersOf,
  type Series,
  type Spread,
  seriesOf,
  type Verdict,
} from "../summary.ts";
import { targetTitles } from "../targets/target.ts";
import { inDigits, table } from "./table.ts";

const metricTitles = { cpuUs: "CPU", p50Us: "p50", p99Us: "p99" } as const;
const header = ["", "CPU us/RPC", "RPC/s", "p50 us", "p99 us", "MiB", "core taken by others"];

/** One workload: a row a target, then what the goals came to. */
export function workloadReport(measured: Measured): string {
  const { workload, series } = measured;
  const rows = series.filter(({ samples }) => samples.length > 0).map(rowOf);
  const lines = [workload.title, indented(table([header, ...rows]))];
  for (const one of series) {
    const failed = failedIn(one);
    const failure = one.samples.find((sample) => sample.failure !== "")?.failure;
    if (failed > 0) lines.push(`  FAILED CALLS: ${one.target}: ${failed}, e.g. ${failure}`);
  }
  const verdicts = workload.goals.flatMap((goal) => judge(measured, goal) ?? []);
  lines.push(...verdicts.map(verdictLine));
  const judged = new Set(
    workload.goals.filter(({ metric }) => metric === "cpuUs").map(({ peer }) => peer),
  );
  lines.push(...bystanders(measured, judged));
  return lines.join("\n");
}

/** The first word of a line tells a met goal from a missed one. */
function verdictLine({ goal, ratio, isMet, failed }: Verdict): string {
  const word = isMet ? "met   " : "MISSED";
  const why = failed > 0 ? `, and ${failed} calls failed` : "";
  return `  ${word} ${metricTitles[goal.metric]} is ${spread(ratio)} of ${goal.peer}'s; goal: at most ${inDigits(goal.atMost)}${why}`;
}

/** CPU ratios nobody set a goal for. */
function bystanders(measured: Measured, judged: ReadonlySet<string>): string[] {
  const ours = seriesOf(measured, "callpath");
  if (ours === undefined) return [];
  const cpu = metricOf(ours, "cpuUs").median;
  return othersOf(measured)
    .filter(({ target, samples }) => samples.length > 0 && !judged.has(target))
    .map((other) => {
      const ratio = cpu / metricOf(other, "cpuUs").median;
      return `         CPU is ${inDigits(ratio)} of ${targetTitles[other.target]}'s`;
    });
}

function rowOf(series: Series): string[] {
  return [
    targetTitles[series.target],
    spread(metricOf(series, "cpuUs")),
    spread(metricOf(series, "rps")),
    spread(metricOf(series, "p50Us")),
    spread(metricOf(series, "p99Us")),
    inDigits(metricOf(series, "memoryMb").median),
    `${Math.round(metricOf(series, "others").median * 100)} %`,
  ];
}

/** Median, then the least and the most of all rounds where there are several. */
function spread({ median, least, most }: Spread): string {
  if (least === most) return inDigits(median);
  return `${inDigits(median)} (${inDigits(least)}-${inDigits(most)})`;
}

export function memoryReport(figures: readonly MemoryFigures[]): string {
  const bytes = (value: number, heap: number | undefined) =>
    `${inDigits(value)}${heap === undefined ? "" : ` (heap ${inDigits(heap)})`}`;
  const rows = figures.map((one) => [
    targetTitles[one.target],
    bytes(one.connectionBytes, one.connectionHeapBytes),
    bytes(one.exchangeBytes, one.exchangeHeapBytes),
    `${inDigits(one.leftMb)}${one.leftCollectedMb === undefined ? "" : ` (collected ${inDigits(one.leftCollectedMb)})`}`,
  ]);
  const columns = [
    "",
    "idle connection, bytes",
    "open idle call, bytes",
    "left of 5,000 connections, MiB",
  ];
  const lines = [
    "memory of callers who are there and say nothing, h2c",
    indented(table([columns, ...rows])),
  ];
  lines.push(...memoryGoals(figures).map(memoryLine));
  return lines.join("\n");
}

function memoryLine({ what, value, atMost, unit, isMet }: MemoryVerdict): string {
  return `  ${isMet ? "met   " : "MISSED"} ${what}: ${inDigits(value)} ${unit}; goal: at most ${inDigits(atMost)}`;
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}

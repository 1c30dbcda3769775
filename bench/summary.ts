import type { Sample } from "./measure.ts";
import { type TargetName, targetNames } from "./targets/target.ts";
import type { Goal, Workload } from "./workload.ts";

/** The samples of one target under one workload, one a round. */
export interface Series {
  readonly target: TargetName;
  readonly samples: readonly Sample[];
}

/** All rounds of one workload. */
export interface Measured {
  readonly workload: Workload;
  readonly series: readonly Series[];
}

/** The middle of several rounds, and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export type Metric = Exclude<keyof Sample, "failure">;

/** Of those that are numbers; NaN of none. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = numbers.filter((one) => !Number.isNaN(one)).sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return {
    median: (lower + upper) / 2,
    least: sorted[0] ?? Number.NaN,
    most: sorted.at(-1) ?? Number.NaN,
  };
}

export function metricOf({ samples }: Series, metric: Metric): Spread {
  return spreadOf(samples.map((sample) => sample[metric]));
}

/** Calls that failed in any round. */
export function failedIn({ samples }: Series): number {
  return samples.reduce((sum, { failed }) => sum + failed, 0);
}

/** Part of the target's core that others took, the median of all measurements. */
export function othersShare(all: readonly Measured[]): number {
  const samples = all.flatMap(({ series }) => series.flatMap((one) => one.samples));
  return spreadOf(samples.map(({ others }) => others)).median;
}

/** What a goal came to. */
export interface Verdict {
  readonly goal: Goal;
  /** Of the medians; least and most are those of single rounds. */
  readonly ratio: Spread;
  readonly isMet: boolean;
  /** Calls that failed on either side: the goal counts as missed. */
  readonly failed: number;
}

/** undefined: one of the two was not measured. */
export function judge(measured: Measured, goal: Goal): Verdict | undefined {
  const ours = seriesOf(measured, "callpath");
  const peer = seriesOf(measured, goal.peer);
  if (ours === undefined || peer === undefined) return undefined;
  const rounds = ours.samples.flatMap((sample, round) => {
    const other = peer.samples[round];
    return other === undefined ? [] : [sample[goal.metric] / other[goal.metric]];
  });
  const { least, most } = spreadOf(rounds);
  const median = metricOf(ours, goal.metric).median / metricOf(peer, goal.metric).median;
  const failed = failedIn(ours) + failedIn(peer);
  return {
    goal,
    ratio: { median, least, most },
    failed,
    isMet: failed === 0 && median <= goal.atMost,
  };
}

export function seriesOf({ series }: Measured, target: TargetName): Series | undefined {
  return series.find((one) => one.target === target);
}

/** Whose CPU ours can be compared with, in the order of the tables. */
export function othersOf(measured: Measured): readonly Series[] {
  return targetNames.flatMap((name) =>
    name === "callpath" ? [] : (seriesOf(measured, name) ?? []),
  );
}

import type { ProfileDigest, ShareOf } from "../profile-areas.ts";
import type { ProfileResult } from "../run-profile.ts";
import type { Workload } from "../workload.ts";
import { inDigits, table } from "./table.ts";

const FUNCTIONS_SHOWN = 40;

/** Where one call's time and memory go: by area, then by function, without what they call. */
export function profileReport(workload: Workload, result: ProfileResult): string {
  const { calls, failed, cpuUs, time, allocations, allocationCalls, file } = result;
  const marked = failed === 0 ? "" : `, ${failed} FAILED`;
  return [
    `${workload.title}: ${calls} calls${marked}, ${inDigits(cpuUs)} us of CPU a call under the profiler, all threads`,
    ...digestLines("time of the main thread a call", time, calls, "us"),
    ...digestLines("allocated a call", allocations, allocationCalls, "bytes"),
    `profile: ${file}`,
  ].join("\n");
}

function digestLines(
  title: string,
  { total, areas, functions }: ProfileDigest,
  calls: number,
  unit: string,
): string[] {
  const perCall = (amount: number) => `${inDigits(amount / Math.max(calls, 1))} ${unit}`;
  const rows = (list: readonly ShareOf[]) =>
    table(
      list.map(({ name, amount }) => [
        `  ${name}`,
        `${((amount / total) * 100).toFixed(1)} %`,
        perCall(amount),
      ]),
    );
  return [
    `${title}: ${perCall(total)}; by area`,
    rows(areas),
    "by function",
    rows(functions.slice(0, FUNCTIONS_SHOWN)),
  ];
}

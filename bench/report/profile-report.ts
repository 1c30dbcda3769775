import type { TimeOf } from "../profile-areas.ts";
import type { ProfileResult } from "../run-profile.ts";
import type { Workload } from "../workload.ts";
import { inDigits, table } from "./table.ts";

const FUNCTIONS_SHOWN = 40;

/** Where one call's time goes: by area, then by function, self time. */
export function profileReport(workload: Workload, result: ProfileResult): string {
  const { calls, failed, cpuUs, busyUs, areas, functions, file } = result;
  const rows = (list: readonly TimeOf[]) =>
    table(
      list.map(({ name, us }) => [
        `  ${name}`,
        `${((us / busyUs) * 100).toFixed(1)} %`,
        `${inDigits(us / Math.max(calls, 1))} us`,
      ]),
    );
  const marked = failed === 0 ? "" : `, ${failed} FAILED`;
  return [
    `${workload.title}: ${calls} calls${marked}, ${inDigits(cpuUs)} us of CPU a call under the profiler`,
    "by area, self time a call",
    rows(areas),
    "by function, self time a call",
    rows(functions.slice(0, FUNCTIONS_SHOWN)),
    `profile: ${file}`,
  ].join("\n");
}

import { setTimeout as sleep } from "node:timers/promises";
import type { LoadOptions } from "./load/load.ts";
import { runLoad } from "./load/run-load.ts";
import { busyUsOf, usageOf } from "./process-usage.ts";

/** One measurement of one target under one workload. */
export interface Sample {
  /** User and system time of the target per call, microseconds; NaN when no call came through, as are p50 and p99. */
  readonly cpuUs: number;
  readonly rps: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Resident at the end, MiB. */
  readonly memoryMb: number;
  readonly failed: number;
  /** Of one that failed. */
  readonly failure: string;
  /** Part of the target's core that others took meanwhile, 0 to 1: how far to believe the rest. */
  readonly others: number;
}

/** The last writes of a measurement belong to it. */
const SETTLE_MS = 60;

export async function measure(options: LoadOptions): Promise<Sample> {
  const { target, around } = options;
  const { pid } = target.process;
  const core = around.cores.target;
  await sleep(SETTLE_MS, undefined, { signal: options.signal });
  const before = usageOf(pid);
  const busyBefore = core === undefined ? 0 : busyUsOf(core);
  const beganAt = performance.now();
  const result = await runLoad(options);
  await sleep(SETTLE_MS, undefined, { signal: options.signal });
  const after = usageOf(pid);
  const wallUs = (performance.now() - beganAt) * 1000;
  const cpuUs = after.cpuUs - before.cpuUs;
  const busyUs = core === undefined ? cpuUs : busyUsOf(core) - busyBefore;
  const isEmpty = result.done === 0;
  return {
    cpuUs: isEmpty ? Number.NaN : cpuUs / result.done,
    rps: result.done / result.seconds,
    p50Us: isEmpty ? Number.NaN : result.p50Us,
    p99Us: isEmpty ? Number.NaN : result.p99Us,
    memoryMb: after.rssBytes / 2 ** 20,
    failed: isEmpty ? Math.max(result.failed, 1) : result.failed,
    failure: isEmpty ? result.failure || "no call came through" : result.failure,
    others: Math.max(0, (busyUs - cpuUs) / wallUs),
  };
}

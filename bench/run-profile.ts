import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Inspector } from "./inspector.ts";
import { runLoad } from "./load/run-load.ts";
import { usageOf } from "./process-usage.ts";
import {
  asAllocationProfile,
  asCpuProfile,
  digestAllocations,
  digestProfile,
  type ProfileDigest,
} from "./profile-areas.ts";
import type { Surroundings } from "./surroundings.ts";
import { startCallpath } from "./targets/callpath.ts";
import type { Workload } from "./workload.ts";
import { warmingUp } from "./workloads.ts";

export interface ProfileOptions {
  readonly engine: "callpath" | "node";
  readonly workload: Workload;
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Where the .cpuprofile goes, for a viewer. */
  readonly folder: string;
}

export interface ProfileResult {
  readonly file: string;
  /** Of the CPU profile. */
  readonly calls: number;
  readonly failed: number;
  /** Of the operating system, all threads, while the profiler ran: a few per cent above what it is without. */
  readonly cpuUs: number;
  /** Of the main thread. */
  readonly time: ProfileDigest;
  readonly allocations: ProfileDigest;
  /** Of the profile of allocations. */
  readonly allocationCalls: number;
}

const WARM_UP_SECONDS = 3;

/** Profile the gateway alone, warm, under one workload: its time, then what it allocates. */
export async function runProfile(
  around: Surroundings,
  { engine, workload, seconds, signal, folder }: ProfileOptions,
): Promise<ProfileResult> {
  await using target = await startCallpath(around, { engine, tls: workload.tls, inspect: true });
  const load = { around, target, workload, signal };
  await runLoad({ ...load, workload: warmingUp(workload), seconds: WARM_UP_SECONDS });
  await runLoad({ ...load, seconds: WARM_UP_SECONDS / 2 });
  using inspector = await Inspector.connect(target.inspectorUrl ?? "");
  await inspector.startProfile();
  const before = usageOf(target.process.pid).cpuUs;
  const { done, failed } = await runLoad({ ...load, seconds });
  const cpuUs = usageOf(target.process.pid).cpuUs - before;
  const profile = asCpuProfile(await inspector.stopProfile());
  const file = join(folder, `${workload.name}-${engine}.cpuprofile`);
  writeFileSync(file, JSON.stringify(profile));
  await inspector.startAllocations();
  const again = await runLoad({ ...load, seconds });
  const allocations = asAllocationProfile(await inspector.stopAllocations());
  return {
    file,
    failed: failed + again.failed,
    calls: done,
    cpuUs: cpuUs / Math.max(done, 1),
    time: digestProfile(profile),
    allocations: digestAllocations(allocations),
    allocationCalls: again.done,
  };
}

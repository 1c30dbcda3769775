import type { LoadOptions } from "./load/load.ts";
import { runLoad } from "./load/run-load.ts";
import { measure, type Sample } from "./measure.ts";
import type { Measured } from "./summary.ts";
import type { Surroundings } from "./surroundings.ts";
import { startTarget } from "./targets/start-target.ts";
import type { Target, TargetName } from "./targets/target.ts";
import type { Workload } from "./workload.ts";
import { warmingUp } from "./workloads.ts";

export interface RoundsOptions {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** One short line on what is being done. */
  readonly progress: (line: string) => void;
}

/** Before the first round each target has seen each workload for a part of a measurement. */
const WARM_UP_PART = 0.5;
/** What a fresh target gets before that: so many calls, or so many measurements' time. */
const WARM_UP_CALLS = 60_000;
const WARM_UP_PASSES = 4;

/** Every workload on every target in every round; the order of the targets turns from round to round. */
export async function runRounds(
  around: Surroundings,
  options: RoundsOptions,
): Promise<readonly Measured[]> {
  const { workloads, rounds, seconds, signal, progress } = options;
  await using targets = new AsyncDisposableStack();
  const started = new Map<string, Target>();
  const targetFor = async (name: TargetName, tls: boolean) => {
    const key = `${name} ${tls}`;
    const known = started.get(key);
    if (known !== undefined) return known;
    progress(`starting ${name}${tls ? " with TLS" : ""}`);
    const target = targets.use(await startTarget(around, name, tls));
    started.set(key, target);
    await warmUp({ around, target, workload: warmingUp({ tls }), signal, seconds });
    return target;
  };
  const samples = new Map<string, Sample[]>();
  const keyOf = (workload: Workload, name: TargetName) => `${workload.name} ${name}`;
  for (let round = 0; round <= rounds; round++)
    for (const workload of workloads)
      for (const name of turned(workload.targets, round)) {
        signal.throwIfAborted();
        const target = await targetFor(name, workload.tls);
        const load = { around, target, workload, signal };
        if (round === 0) {
          progress(`warming up: ${workload.name} on ${name}`);
          await runLoad({ ...load, seconds: seconds * WARM_UP_PART });
          continue;
        }
        progress(`round ${round} of ${rounds}: ${workload.name} on ${name}`);
        const sample = await measure({ ...load, seconds });
        const key = keyOf(workload, name);
        samples.set(key, [...(samples.get(key) ?? []), sample]);
      }
  return workloads.map((workload) => ({
    workload,
    series: workload.targets.map((target) => ({
      target,
      samples: samples.get(keyOf(workload, target)) ?? [],
    })),
  }));
}

/** Until the code of ours is compiled: by calls, as a busy machine makes fewer of them a second. */
async function warmUp(load: LoadOptions): Promise<void> {
  const isCompiled = load.target.name.startsWith("callpath");
  let calls = 0;
  for (let pass = 0; pass < (isCompiled ? WARM_UP_PASSES : 1) && calls < WARM_UP_CALLS; pass++)
    calls += (await runLoad(load)).done;
}

function turned<T>(list: readonly T[], by: number): readonly T[] {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

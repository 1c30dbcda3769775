import { resolve } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { descriptorsOf, usageOf } from "../process-usage.ts";
import { runToEnd } from "../processes.ts";
import type { Surroundings } from "../surroundings.ts";
import { startTarget } from "../targets/start-target.ts";
import type { Target, TargetName } from "../targets/target.ts";
import type { Attack } from "./attack.ts";
import type { Attacked } from "./attacker.ts";
import type { Seen } from "./caller.ts";
import { Calling } from "./calling.ts";

/** One attack on one target. */
export interface AttackFigures {
  readonly attack: string;
  readonly target: TargetName;
  readonly attacked: Attacked;
  /** What the well-behaved client saw. */
  readonly before: Seen;
  readonly during: Seen;
  readonly after: Seen;
  /** Resident memory of the target, MiB; during: the most that was seen. */
  readonly memoryMb: { readonly before: number; readonly during: number; readonly after: number };
  /** Open descriptors of the target. */
  readonly descriptors: { readonly before: number; readonly after: number };
  /** Part of one core that the target took during the attack. */
  readonly cores: number;
  /** The target ended: its last words. */
  readonly died: string | undefined;
}

export interface RunAttackOptions {
  readonly around: Surroundings;
  readonly target: TargetName;
  readonly attack: Attack;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

const WARM_MS = 700;
const BEFORE_MS = 1500;
const AFTER_MS = 2000;
const LOOK_MS = 50;
/** Starting, opening connections and letting go of them. */
const ATTACKER_GRACE_S = 10;

/** A fresh target, a client that behaves, then the attack beside it. */
export async function runAttack(options: RunAttackOptions): Promise<AttackFigures> {
  const { around, signal, attack } = options;
  await using target = await startTarget(around, options.target, false);
  await using calling = new Calling(around, target);
  const { pid } = target.process;
  const pause = (ms: number) => sleep(ms, undefined, { signal });
  await pause(WARM_MS);
  await calling.seen();
  await pause(BEFORE_MS);
  const before = await calling.seen();
  const atRest = usageOf(pid);
  const openBefore = descriptorsOf(pid);
  const beganAt = performance.now();
  const { result, mostBytes } = await watched(target, attackOn(target, options));
  const wallUs = (performance.now() - beganAt) * 1000;
  const during = await calling.seen();
  const { cpuUs } = usageOf(pid);
  await pause(AFTER_MS);
  const after = await calling.seen();
  const mb = (bytes: number) => bytes / 2 ** 20;
  const { isOver } = target.process;
  return {
    attack: attack.name,
    target: options.target,
    attacked: result,
    before,
    during,
    after,
    memoryMb: {
      before: mb(atRest.rssBytes),
      during: mb(mostBytes),
      after: mb(usageOf(pid).rssBytes),
    },
    descriptors: { before: openBefore, after: isOver ? 0 : descriptorsOf(pid) },
    cores: (cpuUs - atRest.cpuUs) / wallUs,
    died: isOver ? target.process.words : undefined,
  };
}

async function attackOn(target: Target, options: RunAttackOptions): Promise<Attacked> {
  const { around, attack, seconds } = options;
  const late = AbortSignal.timeout((seconds + ATTACKER_GRACE_S) * 1000);
  const text = await runToEnd(
    `attacker ${attack.name}`,
    process.execPath,
    [
      resolve(import.meta.dirname, "attacker.ts"),
      attack.name,
      String(target.port),
      around.callerTokenFile,
      String(seconds),
    ],
    { core: around.cores.load, signal: AbortSignal.any([options.signal, late]) },
  );
  return JSON.parse(text) as Attacked;
}

/** The most memory while something goes on. */
async function watched(target: Target, work: Promise<Attacked>) {
  let mostBytes = 0;
  const look = () => {
    mostBytes = Math.max(mostBytes, usageOf(target.process.pid).rssBytes);
  };
  const timer = setInterval(look, LOOK_MS);
  try {
    const result = await work;
    look();
    return { result, mostBytes };
  } finally {
    clearInterval(timer);
  }
}

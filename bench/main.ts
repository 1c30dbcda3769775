/** `npm run bench`: the gateway beside Envoy and nginx, in turn, on this machine; or under attack (`--area attacks`). */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { attacksJson } from "./attacks/report.ts";
import { runAttacks } from "./attacks/run-attacks.ts";
import { chooseCores } from "./cores.ts";
import { measureMemory } from "./memory.ts";
import { type BenchOptions, parseOptions, usage } from "./parse-options.ts";
import { chart } from "./report/chart.ts";
import { describeMachine, type Machine } from "./report/machine.ts";
import { memoryReport, workloadReport } from "./report/print-report.ts";
import { profileReport } from "./report/profile-report.ts";
import { resultsJson } from "./report/results.ts";
import { runProfile } from "./run-profile.ts";
import { runRounds } from "./run-rounds.ts";
import { othersShare } from "./summary.ts";
import { findBenchPeers, Surroundings } from "./surroundings.ts";
import { targetNames } from "./targets/target.ts";
import type { Workload } from "./workload.ts";
import { chooseWorkloads } from "./workloads.ts";

const root = resolve(import.meta.dirname, "..");
/** Of runs that are no whole ones; not in git. */
const scratch = join(root, ".callpath/bench");
/** Of whole runs. */
const results = join(root, "bench/results");

/** From here on the figures say more about the others on the machine. */
const BUSY_PART = 0.2;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}\n\n${usage}`);
    return 2;
  }
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  try {
    await run(options, stop.signal);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 130;
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

async function run(options: BenchOptions, signal: AbortSignal): Promise<void> {
  if (process.platform !== "linux") throw new Error("CPU time is read from /proc: Linux only");
  mkdirSync(scratch, { recursive: true });
  if (options.area === "attacks") {
    await attack(options, signal);
    return;
  }
  const workloads = chooseWorkloads(options);
  const wantsMemory = options.only.length === 0 || options.only.includes("memory");
  if (workloads.length === 0 && !wantsMemory)
    throw new Error(`--only ${options.only.join(", ")}: no workload has such a name`);
  const peers = await findBenchPeers();
  const cores = chooseCores(availableParallelism(), process.env.PATH ?? "");
  const beganAtMs = Date.now();
  await using around = await Surroundings.start(peers, cores, beganAtMs);
  if (options.profile) {
    await profile(options, workloads, around, signal);
    return;
  }
  const machine = describeMachine(peers);
  const how = cores.note ?? "target alone on one core, load and backend on another";
  console.log(`${about(machine)}\n${how}\n`);
  const { rounds, seconds } = options;
  const measured = await runRounds(around, { workloads, rounds, seconds, signal, progress });
  const targets = options.quick ? (["callpath"] as const) : targetNames;
  const memory = wantsMemory ? await measureMemory(around, { targets, signal, progress }) : [];
  progress("");
  for (const one of measured) console.log(`${workloadReport(one)}\n`);
  if (memory.length > 0) console.log(`${memoryReport(memory)}\n`);
  const others = othersShare(measured);
  if (others > BUSY_PART)
    console.log(`BUSY MACHINE: others took ${Math.round(others * 100)} % of the target's core\n`);
  const result = {
    at: new Date(beganAtMs).toISOString(),
    machine,
    cores: how,
    rounds,
    seconds,
    measured,
    memory,
  };
  const name = options.all ? "gateway-all" : "gateway";
  const isWhole = options.only.length === 0 && !options.quick;
  const folder = isWhole ? results : scratch;
  const json = save(folder, `${name}.json`, resultsJson(result));
  const svg = save(folder, `${name}.svg`, chart(result));
  console.log(`${json}\n${svg}\n${Math.round((Date.now() - beganAtMs) / 1000)} s`);
}

async function profile(
  { engine, seconds }: BenchOptions,
  workloads: readonly Workload[],
  around: Surroundings,
  signal: AbortSignal,
): Promise<void> {
  for (const workload of workloads) {
    progress(`profiling ${workload.name}`);
    const folder = scratch;
    const result = await runProfile(around, { engine, workload, seconds, signal, folder });
    progress("");
    console.log(`${profileReport(workload, result)}\n`);
  }
}

/** Every attack, on ours and on Envoy. */
async function attack({ only, quick, seconds }: BenchOptions, signal: AbortSignal): Promise<void> {
  const peers = await findBenchPeers();
  const cores = chooseCores(availableParallelism(), process.env.PATH ?? "");
  const beganAtMs = Date.now();
  await using around = await Surroundings.start(peers, cores, beganAtMs);
  const machine = describeMachine(peers);
  console.log(`${about(machine)}\n`);
  const print = (text: string) => console.log(text);
  const figures = await runAttacks(around, { only, seconds, signal, progress, print });
  const isWhole = only.length === 0 && !quick;
  const at = new Date(beganAtMs).toISOString();
  const json = attacksJson({ at, machine, seconds, figures });
  console.log(save(isWhole ? results : scratch, "attacks.json", json));
}

function about({ cpu, cores, memoryGb, kernel, versions, commit }: Machine): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${cores} cores, ${memoryGb} GiB, ${kernel}\n${named.join(", ")}; commit ${commit}`;
}

function save(folder: string, name: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** One line that is written over, on a terminal only. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

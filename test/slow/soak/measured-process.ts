/**
 * Loaded before a program (`node --import`): its wall clock and its longer timers run faster, so that tokens and keys age
 * in minutes, and at SIGUSR2 it collects its garbage and writes what it holds into a file. HTTP's own time is monotonic
 * and stays what it is.
 */
import { readdirSync, renameSync, writeFileSync } from "node:fs";
import process from "node:process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CLOCK_SPEED, type Measured, measureFile, soakClock } from "./measure.ts";

const { SOAK_CLOCK: clock, SOAK_FOLDER: folder } = process.env;
if (clock !== undefined) {
  Date.now = soakClock(clock);
  const start = globalThis.setTimeout;
  globalThis.setTimeout = Object.assign(
    (callback: () => void, delayMs = 0) =>
      start(callback, delayMs < 1000 ? delayMs : delayMs / CLOCK_SPEED),
    start,
  );
}
if (folder !== undefined) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  process.on("SIGUSR2", () => void measure(folder, collect));
}

async function measure(folder: string, collect: () => void): Promise<void> {
  // What finalizers and closed handles let go of goes with a later one.
  for (let round = 0; round < 4; round++) {
    collect();
    await nextTurn();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const descriptors = readdirSync("/proc/self/fd").length;
  const measured: Measured = { heapBytes: heapUsed + external, rssBytes: rss, descriptors };
  const file = measureFile(folder, process.pid);
  writeFileSync(`${file}~`, JSON.stringify(measured));
  renameSync(`${file}~`, file);
}

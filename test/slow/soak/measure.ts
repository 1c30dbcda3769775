import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";

/** What a process holds after a forced collection. */
export interface Measured {
  /** The heap and what hangs on it. */
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly descriptors: number;
}

/** How long a process may take to answer. */
const ANSWER_MS = 20_000;

/** Ask a process that loaded measured-process.ts. */
export async function measure(folder: string, pid: number): Promise<Measured> {
  const file = measureFile(folder, pid);
  rmSync(file, { force: true });
  process.kill(pid, "SIGUSR2");
  for (const untilMs = performance.now() + ANSWER_MS; performance.now() < untilMs; ) {
    await wait(50);
    try {
      return JSON.parse(readFileSync(file, "utf8")) as Measured;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error(`process ${pid} did not say what it holds`);
}

export function measureFile(folder: string, pid: number): string {
  return join(folder, `measured-${pid}.json`);
}

/** Tokens, keys and whatever waits a second or longer age so much faster: 300 s of a key cache pass in 15. */
export const CLOCK_SPEED = 20;

/** The soak's wall clock, in every process the same. @param baseMs when it was right, as text for SOAK_CLOCK */
export function soakClock(baseMs: string): () => number {
  const sinceMs = Number(baseMs);
  const realNow = Date.now.bind(Date);
  return () => Math.floor(sinceMs + (realNow() - sinceMs) * CLOCK_SPEED);
}

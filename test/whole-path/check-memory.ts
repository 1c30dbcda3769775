import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import type { MemoryRun } from "./memory-run.ts";

/** The second ten thousand: what a collection finds may differ by so much, bytes; 25 bytes a call are more. */
const NOTHING_BYTES = 250_000;

/** 10,000 calls, and as many again, in a process of their own that has to end by itself. */
export async function checkMemory(engine: "callpath" | "node"): Promise<void> {
  const program = join(import.meta.dirname, "memory-run.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [program, engine]);
  const run = JSON.parse(stdout) as MemoryRun;
  const { after1000, after10000, after20000 } = run;
  assert.ok(after10000 < after1000 * 1.2, `${after1000} bytes became ${after10000}`);
  assert.ok(after20000 < after10000 + NOTHING_BYTES, `${after10000} bytes became ${after20000}`);
  assert.equal(run.told, 20_000);
  assert.deepEqual(run.openAfter, run.openBefore);
  assert.equal(run.listenersAfter, run.listenersBefore);
}

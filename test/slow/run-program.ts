import { spawn } from "node:child_process";
import process from "node:process";

/** What is kept of a program's output, from its end, in characters. */
const KEPT_OUTPUT = 4_000_000;

/** How a program ended. */
export interface Ran {
  /** undefined: it was killed at its time limit, children included. */
  readonly code: number | undefined;
  /** stdout and stderr as they came. */
  readonly output: string;
}

/** Run a program of somebody else's to its end; whatever it does, it and its children are gone after `timeoutMs`. */
export function runProgram(file: string, args: readonly string[], timeoutMs: number): Promise<Ran> {
  const child = spawn(file, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT);
    });
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, timeoutMs);
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  child.once("error", reject);
  child.once("close", (code) => {
    clearTimeout(timer);
    resolve({ code: isLate ? undefined : (code ?? -1), output });
  });
  return promise;
}

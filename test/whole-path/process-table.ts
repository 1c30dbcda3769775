import { execFileSync } from "node:child_process";

interface Entry {
  readonly pid: number;
  readonly parent: number;
}

/** Every process below that one, now. */
export function descendantsOf(pid: number): readonly number[] {
  const entries = processes();
  const below = (parent: number): readonly number[] =>
    entries
      .filter((entry) => entry.parent === parent)
      .flatMap((entry) => [entry.pid, ...below(entry.pid)]);
  return below(pid);
}

/** Which of them run. The dead whom nobody buries do not count: some containers have no init that would. */
export function runningOf(pids: readonly number[]): readonly number[] {
  const running = new Set(processes().map(({ pid }) => pid));
  return pids.filter((pid) => running.has(pid));
}

function processes(): readonly Entry[] {
  const text = execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" });
  return text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state = ""]) => !state.startsWith("Z"))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}

import { readdirSync, readFileSync } from "node:fs";

/** A program with all it started: processor time of every thread, and memory. */
export interface Usage {
  /** User and system, microseconds since each thread began. */
  readonly cpuUs: number;
  /** Resident, bytes. */
  readonly rssBytes: number;
}

/** From /proc: threads that ended between two looks are missed, so compare only while the program runs. */
export function usageOf(pid: number): Usage {
  let cpuUs = 0;
  let rssBytes = 0;
  for (const one of withChildren(pid)) {
    cpuUs += cpuUsOf(one);
    rssBytes += rssBytesOf(one);
  }
  return { cpuUs, rssBytes };
}

/** Open file descriptors of one process. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Time that one core was not idle, microseconds; resolution 10 ms. */
export function busyUsOf(core: number): number {
  const line = new RegExp(`^cpu${core} (.*)$`, "m").exec(readFileSync("/proc/stat", "utf8"));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line?.[1] ?? "")
    .split(" ")
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_US;
}

const TICK_US = 10_000;

function withChildren(pid: number): number[] {
  const found = [pid];
  for (const task of tasksOf(pid)) {
    const children = readOr(`/proc/${pid}/task/${task}/children`);
    for (const child of children.split(" "))
      if (child !== "") found.push(...withChildren(Number(child)));
  }
  return found;
}

/** The scheduler's own count, in nanoseconds; /proc/PID/stat counts whole ticks. */
function cpuUsOf(pid: number): number {
  let ns = 0;
  for (const task of tasksOf(pid))
    ns += Number(readOr(`/proc/${pid}/task/${task}/schedstat`).split(" ")[0]);
  return ns / 1000;
}

function rssBytesOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readOr(`/proc/${pid}/status`))?.[1];
  return Number(kib ?? 0) * 1024;
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it just ended
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

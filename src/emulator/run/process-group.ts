import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** Send a signal to every process of a group; 0 sends none. False: nobody is in it. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    // Windows knows no process groups: there only the leader is reached.
    return process.kill(process.platform === "win32" ? leader : -leader, signal);
  } catch {
    return false;
  }
}

/** Whether anybody still runs in a group. The dead who were never reaped do not count: some containers have no init that would. */
export function isGroupAlive(leader: number): boolean {
  if (!signalGroup(leader, 0)) return false;
  return process.platform !== "linux" || livingMember(leader);
}

/** Field 5 of /proc/PID/stat is the group, field 3 the state. @see proc_pid_stat(5) */
function livingMember(leader: number): boolean {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const [state, , group] = statOf(name);
    if (group === String(leader) && state !== "Z" && state !== "X") return true;
  }
  return false;
}

/** The fields from the third on; the second is a name in parentheses and may hold anything. */
function statOf(pid: string): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // it ended meanwhile
  }
}

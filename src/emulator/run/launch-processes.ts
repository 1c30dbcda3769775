import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { execText } from "./exec-text.ts";
import type { Launch, Launched, LaunchRequest } from "./launch.ts";
import { readLines } from "./log-lines.ts";
import { isGroupAlive, signalGroup } from "./process-group.ts";

/** How often a process group is asked whether anybody is left in it. */
const POLL_MS = 20;
/** How long a killed group may take to vanish, and a dead program's output to be read to its end. */
const AFTERMATH_MS = 1_000;

/** Starts containers as processes of this machine. Disposed when all of them have ended. */
export interface ProcessLauncher extends Disposable {
  readonly launch: Launch;
}

/**
 * Run each container's command by a shell, as a process group of its own, so that all of it can be ended. Should
 * this process exit first (a second Ctrl-C, a bug), the groups that are left are killed with it.
 *
 * @param env what every container inherits, beside Cloud Run's variables.
 */
export function launchProcesses(
  env: Readonly<Record<string, string | undefined>>,
): ProcessLauncher {
  const groups = new Set<number>();
  const killAll = (): void => {
    for (const pid of groups) signalGroup(pid, "SIGKILL");
  };
  process.once("exit", killAll);
  return {
    launch: (request) => launchProcess(request, containerEnv(env, request.env), groups),
    [Symbol.dispose]: () => void process.off("exit", killAll),
  };
}

/**
 * What the user's shell has, without what a container on Cloud Run would not have and a client library would believe.
 * `node` is the Node that runs this program.
 */
function containerEnv(
  outer: Readonly<Record<string, string | undefined>>,
  own: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...outer };
  for (const name of NOT_INHERITED) delete env[name];
  const path = env.PATH ?? "/usr/local/bin:/usr/bin:/bin";
  return { ...env, PATH: `${dirname(process.execPath)}${delimiter}${path}`, ...own };
}

const NOT_INHERITED = [
  "GOOGLE_APPLICATION_CREDENTIALS",
  "GCE_METADATA_IP",
  "GCE_METADATA_ROOT",
  "NODE_TEST_CONTEXT",
  "NODE_CHANNEL_FD",
];

function launchProcess(
  { revision, env: _, onLine }: LaunchRequest,
  env: NodeJS.ProcessEnv,
  groups: Set<number>,
): Launched {
  if (revision.command === "") {
    return hasExited("not started: template.containers[0].command is empty");
  }
  const isWindows = process.platform === "win32";
  const child = spawn(isWindows ? revision.command : execText(revision.command), {
    shell: true,
    detached: !isWindows,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    ...(revision.workingDir === "" ? {} : { cwd: revision.workingDir }),
  });
  const { pid, stdout, stderr } = child;
  if (pid !== undefined) groups.add(pid);
  const read = Promise.all([
    readLines(stdout, (line) => onLine("stdout", line)),
    readLines(stderr, (line) => onLine("stderr", line)),
  ]);
  let isStopping = false;
  const exited = (async () => {
    const how = await endOf(child, revision.workingDir);
    if (pid !== undefined) {
      // A container ends with its first process. Only one that was asked to stop may outlive its shell, which knows
      // no SIGTERM and dies of it before the program below has drained.
      if (!isStopping) signalGroup(pid, "SIGKILL");
      await groupEnd(pid, () => isStopping);
      groups.delete(pid);
    }
    await Promise.race([read, delay(AFTERMATH_MS, undefined, { ref: false })]);
    stdout.destroy();
    stderr.destroy();
    return how;
  })();
  return {
    pid,
    exited,
    async stop(graceMs) {
      isStopping = true;
      // Not to a group that has ended: its number may be another's by now.
      const signal = (name: NodeJS.Signals): void => {
        if (pid !== undefined && groups.has(pid)) signalGroup(pid, name);
      };
      signal("SIGTERM");
      const patience = new AbortController();
      const overdue = delay(graceMs, undefined, { signal: patience.signal }).then(
        () => {
          isStopping = false;
          signal("SIGKILL");
        },
        () => undefined, // it ended in time
      );
      await exited;
      patience.abort();
      await overdue;
    },
  };
}

function hasExited(how: string): Launched {
  return { exited: Promise.resolve(how), stop: () => Promise.resolve() };
}

function endOf(child: ChildProcess, workingDir: string): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => {
      const where = workingDir === "" ? "" : ` in ${workingDir} (does the folder exist?)`;
      resolve(`not started${where}: ${error.message}`);
    });
    child.once("exit", (code, signal) => {
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
}

/** Wait until nobody is left in a group; once it was killed, no longer than AFTERMATH_MS. */
async function groupEnd(pid: number, isPatient: () => boolean): Promise<void> {
  let patienceMs = AFTERMATH_MS;
  while (patienceMs > 0 && isGroupAlive(pid)) {
    await delay(POLL_MS);
    if (!isPatient()) patienceMs -= POLL_MS;
  }
}

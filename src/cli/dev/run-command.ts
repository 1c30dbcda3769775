import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { readLines } from "../../emulator/run/log-lines.ts";
import { signalGroup } from "../../emulator/run/process-group.ts";

export interface CommandRun {
  /** For a shell, as the user wrote it. */
  readonly command: string;
  /** Passed on word by word. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
  /** Aborted: the command and its children get SIGTERM, and SIGKILL when they do not end. */
  readonly signal: AbortSignal;
  /** Where a process that ends abruptly is told to kill it. */
  readonly onAbruptEnd: (listener: () => void) => Disposable;
}

/** How a command ended. */
export interface CommandEnd {
  readonly code: number | undefined;
  /** The shell found no such program. */
  readonly isMissing: boolean;
  /** exit code 1, signal SIGTERM */
  readonly how: string;
}

/** From SIGTERM to SIGKILL, in milliseconds. */
const GRACE_MS = 2000;

/** Run it in a shell, with the project's own programs (node_modules/.bin) on its PATH, and wait until it has ended. */
export async function runCommand(run: CommandRun): Promise<CommandEnd> {
  run.signal.throwIfAborted();
  const child = spawn([run.command, ...run.args.map(quote)].join(" "), {
    shell: true,
    detached: process.platform !== "win32",
    cwd: run.cwd,
    env: { ...run.env, PATH: searchPath(run.cwd, run.env.PATH) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      signalGroup(child.pid, signal);
  };
  using _ = run.onAbruptEnd(() => kill("SIGKILL"));
  let hardly: NodeJS.Timeout | undefined;
  const stop = () => {
    kill("SIGTERM");
    hardly = setTimeout(() => kill("SIGKILL"), GRACE_MS);
  };
  run.signal.addEventListener("abort", stop, { once: true });
  try {
    const [[code, signal]] = await Promise.all([
      once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>,
      readLines(child.stdout, (line) => run.onLine("stdout", line)),
      readLines(child.stderr, (line) => run.onLine("stderr", line)),
    ]);
    return {
      code: code ?? undefined,
      isMissing: code === NOT_FOUND,
      how: signal === null ? `exit code ${code}` : `signal ${signal}`,
    };
  } finally {
    clearTimeout(hardly);
    run.signal.removeEventListener("abort", stop);
  }
}

/** What shells exit with when there is no such program. */
const NOT_FOUND = 127;

/** The Node that runs this, then node_modules/.bin here and above as npm has it, then what the user's shell has. */
export function searchPath(cwd: string, outer: string | undefined): string {
  const folders = [dirname(process.execPath)];
  for (let folder = cwd; ; folder = dirname(folder)) {
    folders.push(join(folder, "node_modules", ".bin"));
    if (dirname(folder) === folder) break;
  }
  return [...folders, outer ?? "/usr/local/bin:/usr/bin:/bin"].join(delimiter);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { bareEnv } from "./bare-env.ts";

/** A machine for one program: empty home, empty temporary folder, no network, no Google account. */
export interface FreshMachine extends Disposable {
  readonly home: string;
  readonly temporary: string;
  /** For --state. */
  readonly state: string;
  readonly env: Readonly<Record<string, string>>;
  /** Who tried to leave this machine, and where to; "": nobody. */
  left(): string;
}

export function freshMachine(): FreshMachine {
  const folder = mkdtempSync(join(tmpdir(), "callpath-machine-"));
  const [home, temporary, state] = ["home", "tmp", "state"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(home);
  mkdirSync(temporary);
  const left = join(folder, "left");
  const preload = pathToFileURL(resolve(import.meta.dirname, "no-network.ts"));
  return {
    home,
    temporary,
    state,
    env: {
      ...bareEnv(home),
      TMPDIR: temporary,
      NODE_OPTIONS: `--import=${preload}`,
      CALLPATH_TEST_LEFT: left,
    },
    left() {
      try {
        return readFileSync(left, "utf8");
      } catch {
        return "";
      }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A real process of `callpath`, as its user has it. Disposed: ended. */
export interface RunningProgram extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly out: ProgramOutput;
  readonly err: ProgramOutput;
  /** Resolves with the exit code when it has ended and all it wrote was read. */
  readonly ended: Promise<number | null>;
}

export interface ProgramOutput {
  readonly lines: readonly string[];
  /** The first line that fits, now or later. Rejects when the output ends before. */
  line(wanted: RegExp): Promise<string>;
}

export function startCallpath(
  argv: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): RunningProgram {
  const program = resolve(import.meta.dirname, "../../src/cli/callpath.js");
  const child = spawn(process.execPath, [program, ...argv], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close") as Promise<[number | null]>;
  const err = output(child.stderr, []);
  return {
    child,
    out: output(child.stdout, err.lines),
    err,
    ended: closed.then(([code]) => code),
    async [Symbol.asyncDispose]() {
      // Its own end takes its children with it.
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await closed;
    },
  };
}

/** @param beside what else it said, for who waits in vain */
function output(stream: NodeJS.ReadableStream, beside: readonly string[]): ProgramOutput {
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  let isOver = false;
  const tell = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  createInterface({ input: stream })
    .on("line", (line) => {
      lines.push(line);
      tell();
    })
    .on("close", () => {
      isOver = true;
      tell();
    });
  return {
    lines,
    line(wanted) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const look = (): void => {
        const found = lines.find((line) => wanted.test(line));
        if (found === undefined && !isOver) return;
        watchers.delete(look);
        if (found !== undefined) resolve(found);
        else {
          const said = [...lines, ...beside].join("\n");
          reject(new Error(`it ended before it said ${wanted}; it said:\n${said}`));
        }
      };
      watchers.add(look);
      look();
      return promise;
    },
  };
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { signalGroup } from "../emulator/run/process-group.ts";
import { commands } from "./commands.ts";
import { runProgram } from "./program.ts";
import { fakeWorld } from "./world-fixture.test.ts";

/** A user's copy of the root half, on this checkout's packages. Disposed: gone. */
export function copyOfTheRoot(): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "callpath-dev-"));
  const copied = [
    "buf.yaml",
    "buf.gen.yaml",
    "callpath.yaml",
    "package.json",
    "proto",
    "gen",
    "server",
    "client",
    "gateway",
  ];
  for (const path of copied) cpSync(path, join(folder, path), { recursive: true });
  for (const path of ["node_modules", "src"]) symlinkSync(resolve(path), join(folder, path));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The real `callpath dev`, line by line. Disposed: killed with all its children, if it still runs. */
export function startDev(folder: string, ...flags: readonly string[]) {
  const child = spawn(process.execPath, [resolve("src/cli/callpath.js"), "dev", ...flags], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return {
    child,
    stdout: lines(child.stdout),
    stderr: lines(child.stderr),
    /** Resolves with the exit code. */
    exited: exitOf(child),
    async [Symbol.asyncDispose]() {
      if (child.pid !== undefined && isRunning(child)) signalGroup(child.pid, "SIGTERM");
      await exitOf(child);
    },
  };
}

export type DevProcess = ReturnType<typeof startDev>;

/** Another command, in this process, in that folder. */
export async function runCallpath(folder: string, argv: readonly string[], stdin?: string) {
  const world = fakeWorld({ cwd: folder, ...(stdin === undefined ? {} : { stdin }) });
  const code = await runProgram({ version: "0", commands, laterCommands: [] }, argv, world);
  return { code, out: world.out(), err: world.err() };
}

/** Lines as they come; `next` skips to the first that fits. */
function lines(stream: NodeJS.ReadableStream) {
  const all: string[] = [];
  const iterator = createInterface({ input: stream })[Symbol.asyncIterator]();
  return {
    all,
    async next(wanted: RegExp): Promise<string> {
      for (;;) {
        const { value, done } = await iterator.next();
        if (done) throw new Error(`it ended before it said ${wanted}; it said:\n${all.join("\n")}`);
        all.push(value);
        if (wanted.test(value)) return value;
      }
    },
  };
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (isRunning(child)) await once(child, "exit");
  return child.exitCode;
}

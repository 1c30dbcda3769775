import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import { pinned } from "../cores.ts";
import type { Surroundings } from "../surroundings.ts";
import type { Target } from "../targets/target.ts";
import type { Seen } from "./caller.ts";

/** The well-behaved client beside an attack, in a process of its own. */
export class Calling implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  constructor(around: Surroundings, target: Target) {
    const program = resolve(import.meta.dirname, "caller.ts");
    const line = pinned(around.cores.load, process.execPath, [
      program,
      String(target.port),
      around.callerTokenFile,
    ]);
    const child = spawn(line.command, line.args, { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.on("error", () => {}); // it may have ended first
    this.#child = child;
    this.#lines = createInterface(child.stdout);
  }

  /** What its calls saw since it was asked before. */
  async seen(): Promise<Seen> {
    this.#child.stdin?.write("\n");
    const ended = once(this.#child, "exit").then(() => {
      throw new Error("the well-behaved client ended");
    });
    const [line] = (await Promise.race([once(this.#lines, "line"), ended])) as [string];
    return JSON.parse(line) as Seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type Ran, runPeer } from "./run-peer.ts";

/** The addresses that `callpath dev --json` says when it is ready: see its `ready` event. */
export interface DevFacts {
  readonly gateway: string;
  readonly run: string;
  readonly ca: string;
  readonly clientKey: string;
}

/** A `callpath dev` of its own for a test, as a user would start it: ports, keys and certificates are nobody else's. */
export class LocalDev implements AsyncDisposable {
  readonly facts: DevFacts;
  /** Where its callpath.yaml lies. */
  readonly folder: string;
  readonly #stateDir: string;
  readonly #stop: () => Promise<void>;

  private constructor(
    facts: DevFacts,
    folder: string,
    stateDir: string,
    stop: () => Promise<void>,
  ) {
    this.facts = facts;
    this.folder = folder;
    this.#stateDir = stateDir;
    this.#stop = stop;
  }

  /** Resolves when it is ready. `folder`: where its callpath.yaml lies. */
  static async start(folder: string, ...flags: readonly string[]): Promise<LocalDev> {
    const stateDir = mkdtempSync(join(tmpdir(), "callpath-peers-"));
    const own = ["--json", "--state", stateDir, "--port-base", "0"];
    const child = spawn(process.execPath, [callpath, "dev", ...own, ...flags], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const closed = once(child, "close");
    const said: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
    const stop = async () => {
      child.kill("SIGTERM");
      await closed;
      rmSync(stateDir, { recursive: true, force: true });
    };
    const facts = await readFacts(child.stdout, said);
    if (facts !== undefined) return new LocalDev(facts, folder, stateDir, stop);
    await stop();
    throw new Error(`callpath dev did not become ready:\n${said.join("\n")}`);
  }

  /** Another command of ours, on this dev. */
  callpath(command: string, ...args: readonly string[]): Promise<Ran> {
    const all = [callpath, command, ...args, "--state", this.#stateDir];
    return runPeer(process.execPath, all, { timeoutMs: 20_000, cwd: this.folder });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

/** What the first line says that is the `ready` event; undefined: there was none. The rest of the output is let go by. */
async function readFacts(stdout: Readable, said: string[]): Promise<DevFacts | undefined> {
  let facts: DevFacts | undefined;
  for await (const line of createInterface({ input: stdout })) {
    said.push(line);
    const { event, ...rest } = JSON.parse(line) as { event: string } & DevFacts;
    if (event !== "ready") continue;
    facts = rest;
    break;
  }
  // Leaving the loop paused it.
  stdout.resume();
  return facts;
}

const callpath = resolve(import.meta.dirname, "../../src/cli/callpath.js");

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { pinned } from "./cores.ts";

/** Of a program's words, this much is kept to tell why it ended. */
const KEPT_CHARS = 4_000;
/** A program is given this long to listen, and to end when asked. */
const START_MS = 30_000;
const STOP_MS = 5_000;
const LOOK_AGAIN_MS = 25;

export interface StartOptions {
  readonly core: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A program that runs until it is disposed. */
export class Running implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  #out = "";
  #err = "";
  #changed = Promise.withResolvers<void>();

  constructor(name: string, command: string, args: readonly string[], options: StartOptions) {
    const line = commandLine(command, args, options);
    this.name = name;
    this.#child = spawn(line.command, line.args, {
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    if (this.#child.pid === undefined) {
      this.#child.once("error", () => {});
      throw new Error(`${name}: ${line.command} cannot be started`);
    }
    this.pid = this.#child.pid;
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#out = (this.#out + text).slice(-KEPT_CHARS);
      this.#tell();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#err = (this.#err + text).slice(-KEPT_CHARS);
      this.#tell();
    });
    this.#child.stdin?.on("error", () => {}); // it may have ended first
    this.#child.once("exit", () => this.#tell());
    process.once("exit", this.#kill);
  }

  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Its last words, for an error. */
  get words(): string {
    return `${this.#out}${this.#err}`.trim();
  }

  /** The first match in what it said on stdout or stderr. Rejects when it ends or is silent for too long. */
  async says(wanted: RegExp): Promise<RegExpExecArray> {
    const timeout = sleep(START_MS, undefined, { ref: false });
    for (let late = false; ; ) {
      const match = wanted.exec(`${this.#out}\n${this.#err}`);
      if (match !== null) return match;
      if (this.isOver) throw new Error(`${this.name} ended: ${this.words}`);
      if (late) throw new Error(`${this.name} did not say ${wanted}: ${this.words}`);
      this.#changed = Promise.withResolvers();
      late = await Promise.race([
        this.#changed.promise.then(() => false),
        timeout.then(() => true),
      ]);
    }
  }

  /** Resolves when something listens on its port. */
  async listensOn(port: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < START_MS; waitedMs += LOOK_AGAIN_MS) {
      if (this.isOver) break;
      if (await isOpen(port)) return;
      await sleep(LOOK_AGAIN_MS);
    }
    throw new Error(`${this.name} does not listen on port ${port}: ${this.words}`);
  }

  /** Its input ends: those that hold something open let go of it. */
  endInput(): void {
    this.#child.stdin?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off("exit", this.#kill);
    if (this.isOver) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const last = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(last);
  }

  readonly #kill = (): void => void this.#child.kill("SIGKILL");

  #tell(): void {
    this.#changed.resolve();
  }
}

/** Run a program to its end and give its stdout. Rejects with its last words when it fails, or when `signal` aborts. */
export async function runToEnd(
  name: string,
  command: string,
  args: readonly string[],
  options: StartOptions & { readonly signal: AbortSignal },
): Promise<string> {
  const line = commandLine(command, args, options);
  const child = spawn(line.command, line.args, {
    stdio: ["ignore", "pipe", "pipe"],
    signal: options.signal,
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err = (err + text).slice(-KEPT_CHARS);
  });
  const [code, how] = (await once(child, "close")) as [number | null, string | null];
  if (code === 0) return out;
  throw new Error(
    `${name} failed (${how ?? `exit ${code}`}): ${`${out.slice(-KEPT_CHARS)}${err}`.trim()}`,
  );
}

/** taskset and env become the program they start: its pid is the child's. */
function commandLine(command: string, args: readonly string[], { core, env = {} }: StartOptions) {
  const added = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return added.length === 0
    ? pinned(core, command, args)
    : pinned(core, "env", [...added, command, ...args]);
}

/** A port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port could be had");
  return address.port;
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}

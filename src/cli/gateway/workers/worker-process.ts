import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Answer, Question, ToPrimary, ToWorker } from "./messages.ts";
import { wholeLines } from "./whole-lines.ts";

/**
 * One worker. `starting` until it has what it serves by, `serving` until it drains or ends.
 */
export interface Worker {
  readonly number: number;
  readonly pid: number;
  /** The config it serves by. */
  version: number;
  /** Handed over or about to be, and not closed yet. */
  readonly connections: number;
  state: "starting" | "serving" | "leaving" | "ended";
  /** Resolves when the process is gone and all it wrote is read. */
  readonly ended: Promise<void>;
  send(message: ToWorker): void;
  /** Finish the calls in flight and end. */
  drain(): void;
  kill(): void;
  /** From now on `onLines` is called. */
  speak(): void;
  hand(socket: Socket): void;
  /** Connections that were not handed over: they may go elsewhere. */
  takeBack(): Socket[];
}

/** What a worker's owner is told, each time with the worker. */
export interface WorkerEvents {
  /** It runs, and waits for `start`. */
  onRunning(worker: Worker): void;
  onReady(worker: Worker): void;
  /** It cannot serve; its end follows. */
  onFailed(worker: Worker, fault: string): void;
  onReloaded(worker: Worker, version: number, fault: string | undefined): void;
  /** It takes no more connections: its end follows, but not before its calls'. */
  onLeaving(worker: Worker): void;
  /** The process is gone: by a signal's name or with an exit code. `hadLeft`: it said so before. */
  onEnd(worker: Worker, how: string, hadLeft: boolean): void;
  answer(question: Question): Promise<Answer>;
  log(severity: "INFO" | "WARNING" | "ERROR", message: string): void;
  /** Whole lines of its stdout, once `speak` was called. */
  onLines(lines: string): void;
}

/** In a checkout the sources run as they are. */
const program = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "./worker-main.ts" : "./worker-main.js",
    import.meta.url,
  ),
);

/** A forked process. Connections are handed over one at a time: those that wait are still here when it dies. */
export class WorkerProcess implements Worker {
  readonly number: number;
  version: number;
  connections = 0;
  state: Worker["state"] = "starting";
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #events: WorkerEvents;
  #waiting: Socket[] = [];
  #isHanding = false;
  #speaks = false;

  constructor(
    number: number,
    version: number,
    env: Readonly<Record<string, string | undefined>>,
    events: WorkerEvents,
  ) {
    this.number = number;
    this.version = version;
    this.#events = events;
    this.#child = fork(program, [], {
      env: { ...env },
      // Sockets, Maps and bytes as they are.
      serialization: "advanced",
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    const closed = Promise.withResolvers<void>();
    this.ended = closed.promise;
    this.#child.once("close", () => closed.resolve());
    this.#child.on("message", (message) => this.#on(message as ToPrimary));
    this.#child.once("exit", (code, signal) => this.#end(signal ?? `exit code ${code}`));
    // Neither started nor to be killed: there is no process, and no exit will be told.
    this.#child.on("error", (error) => {
      if (this.#child.pid !== undefined) return;
      closed.resolve();
      this.#end(error.message);
    });
  }

  /** 0 when no process could be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  send(message: ToWorker): void {
    // A worker that just went is told by its end, not here.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  drain(): void {
    this.#leave();
    this.send({ kind: "drain" });
  }

  kill(): void {
    if (this.state !== "ended") this.#child.kill("SIGKILL");
  }

  speak(): void {
    if (this.#speaks) return;
    this.#speaks = true;
    this.#child.stdout?.setEncoding("utf8").on(
      "data",
      wholeLines((lines) => this.#events.onLines(lines)),
    );
  }

  hand(socket: Socket): void {
    this.connections++;
    this.#waiting.push(socket);
    this.#handNext();
  }

  takeBack(): Socket[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.connections -= waiting.length;
    return waiting;
  }

  #handNext(): void {
    if (this.#isHanding || !this.#child.connected) return;
    const socket = this.#waiting.shift();
    if (socket === undefined) return;
    this.#isHanding = true;
    this.#child.send({ kind: "connection" } satisfies ToWorker, socket, () => {});
  }

  #on(message: ToPrimary): void {
    const { onRunning, onReady, onFailed, onReloaded, log } = this.#events;
    switch (message.kind) {
      case "running":
        onRunning(this);
        return;
      case "ready":
        onReady(this);
        return;
      case "failed":
        onFailed(this, message.fault);
        return;
      case "leaving":
        // Answered: what was handed over before has arrived when the answer does, and is not lost.
        this.drain();
        return;
      case "took":
        this.#isHanding = false;
        this.#handNext();
        return;
      case "closed":
        this.connections -= message.connections;
        return;
      case "reloaded":
        onReloaded(this, message.version, message.fault);
        return;
      case "question":
        void this.#answer(message.id, message.question);
        return;
      case "log":
        log(message.severity, message.message);
    }
  }

  async #answer(id: number, question: Question): Promise<void> {
    this.send({ kind: "answer", id, answer: await this.#events.answer(question) });
  }

  #leave(): void {
    if (this.state === "leaving" || this.state === "ended") return;
    this.state = "leaving";
    this.#events.onLeaving(this);
  }

  #end(how: string): void {
    if (this.state === "ended") return;
    const hadLeft = this.state === "leaving";
    this.state = "ended";
    this.#events.onEnd(this, how, hadLeft);
  }
}

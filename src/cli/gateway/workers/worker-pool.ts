import type { Socket } from "node:net";
import { FailedError } from "../../command.ts";
import type { ConfigInput } from "../../load-config.ts";
import type { GatewaySettings } from "../gateway-settings.ts";
import type { NumberedConfig } from "./messages.ts";
import { ConnectionSpread } from "./spread-connections.ts";
import type { Worker, WorkerEvents } from "./worker-process.ts";

/** Before the first replacement of a worker; doubles with each further failure in a row. */
const FIRST_PAUSE_MS = 100;
/** So no worker is started more than about twelve times in the first minute, and six in any later one. */
const LONGEST_PAUSE_MS = 10_000;
/** After serving this long, a worker's failure is a first one again. */
const STABLE_MS = 60_000;
/** At the start: a worker that ends this often before any serves is not going to. */
const START_TRIES = 3;
/** Workers drain for 7 s; what is left then is killed, so that all is gone within 8 s. */
const KILL_AFTER_MS = 7_700;

export interface WorkerPoolOptions extends Pick<WorkerEvents, "answer" | "log" | "onLines"> {
  readonly count: number;
  readonly settings: GatewaySettings;
  readonly config: ConfigInput;
  readonly hasTokens: boolean;
  /** Starts worker `number`, to serve by config `version`. */
  readonly fork: (number: number, version: number, events: WorkerEvents) => Worker;
  readonly note: (line: string) => void;
  readonly nowMs: () => number;
}

interface Slot {
  readonly number: number;
  worker: Worker | undefined;
  failuresInRow: number;
  servesSinceMs: number | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** The workers: as many as asked for, each replaced when it dies, all by one config. */
export class WorkerPool implements AsyncDisposable {
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly Slot[];
  readonly #spread = new ConnectionSpread(() => this.#servingWorkers());
  readonly #started = Promise.withResolvers<void>();
  /** What all serve by, and what new workers start with. */
  #current: NumberedConfig;
  /** What all are to serve by: `#current`, but for a reload that runs. */
  #wanted: NumberedConfig;
  #reload: PromiseWithResolvers<void> | undefined;
  #lastVersion = 1;
  #hasStarted = false;
  #isSpeaking = false;
  #isEnding = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#current = { version: this.#lastVersion, config: options.config };
    this.#wanted = this.#current;
    this.#slots = Array.from({ length: options.count }, (_, at) => ({
      number: at + 1,
      worker: undefined,
      failuresInRow: 0,
      servesSinceMs: undefined,
      timer: undefined,
    }));
  }

  /** Resolves when every worker is ready; rejects when one cannot be. */
  start(): Promise<void> {
    for (const slot of this.#slots) this.#fork(slot);
    return this.#started.promise;
  }

  get pids(): readonly number[] {
    return this.#servingWorkers().map(({ pid }) => pid);
  }

  take(socket: Socket): void {
    this.#spread.give(socket);
  }

  /** One at a time. Resolves when every worker serves by it; rejects when one cannot: then all serve by the old one. */
  reload(config: ConfigInput): Promise<void> {
    this.#wanted = { version: ++this.#lastVersion, config };
    this.#reload = Promise.withResolvers();
    for (const worker of this.#servingWorkers())
      worker.send({ kind: "reload", config: this.#wanted });
    const { promise } = this.#reload;
    this.#settle();
    return promise;
  }

  /** What workers write is read from now on. */
  speak(): void {
    this.#isSpeaking = true;
    for (const { worker } of this.#slots) worker?.speak();
  }

  /** At once: what is in flight is lost. */
  kill(): void {
    for (const { worker } of this.#slots) worker?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    this.#spread[Symbol.dispose]();
    for (const { timer } of this.#slots) clearTimeout(timer);
    const workers = this.#slots.flatMap(({ worker }) => worker ?? []);
    for (const worker of workers) worker.drain();
    const timer = setTimeout(() => this.kill(), KILL_AFTER_MS);
    await Promise.all(workers.map(({ ended }) => ended));
    clearTimeout(timer);
  }

  #servingWorkers(): Worker[] {
    return this.#slots.flatMap(({ worker }) => (worker?.state === "serving" ? worker : []));
  }

  #fork(slot: Slot): void {
    const { settings, hasTokens, fork, answer, log, onLines } = this.#options;
    const config = this.#current;
    slot.servesSinceMs = undefined;
    slot.worker = fork(slot.number, config.version, {
      answer,
      log,
      onLines,
      onRunning: (worker) => worker.send({ kind: "start", settings, config, hasTokens }),
      onReady: (worker) => this.#onReady(slot, worker),
      onFailed: (worker, fault) => this.#onFailed(worker, fault),
      onReloaded: (worker, version, fault) => this.#onReloaded(slot, worker, version, fault),
      onLeaving: (worker) => {
        this.#spreadAgain(worker);
        this.#settle();
      },
      onEnd: (worker, how, hadLeft) => this.#onEnd(slot, worker, how, hadLeft),
    });
  }

  #onReady(slot: Slot, worker: Worker): void {
    if (worker.version !== this.#wanted.version)
      worker.send({ kind: "reload", config: this.#wanted });
    // One that started before a reload ended serves when it has caught up.
    if (worker.version === this.#current.version) this.#serve(slot, worker);
  }

  #serve(slot: Slot, worker: Worker): void {
    const { note, nowMs } = this.#options;
    if (worker.state !== "starting") return;
    worker.state = "serving";
    slot.servesSinceMs = nowMs();
    if (this.#isSpeaking) worker.speak();
    if (this.#hasStarted) {
      note(`worker ${worker.number} is process ${worker.pid} now`);
    } else if (this.#slots.every((one) => one.worker?.state === "serving")) {
      this.#hasStarted = true;
      this.#started.resolve();
    }
    this.#spread.retry();
  }

  #onFailed(worker: Worker, fault: string): void {
    if (this.#hasStarted) this.#options.log("ERROR", `worker ${worker.number}: ${fault}`);
    else this.#started.reject(new FailedError(fault));
  }

  #onReloaded(slot: Slot, worker: Worker, version: number, fault: string | undefined): void {
    // What drains or is gone needs no config.
    if (worker.state !== "starting" && worker.state !== "serving") return;
    if (fault === undefined) worker.version = version;
    if (version !== this.#wanted.version) return;
    if (fault === undefined) {
      this.#serve(slot, worker);
      this.#settle();
    } else if (this.#reload !== undefined) this.#goBack(fault);
    // It cannot have what all others serve by: its replacement starts with that.
    else worker.kill();
  }

  /** A reload is over when every worker that serves, serves by it. */
  #settle(): void {
    const { version } = this.#wanted;
    if (this.#reload === undefined) return;
    if (!this.#servingWorkers().every((worker) => worker.version === version)) return;
    this.#current = this.#wanted;
    this.#reload.resolve();
    this.#reload = undefined;
  }

  #goBack(fault: string): void {
    this.#reload?.reject(new Error(fault));
    this.#reload = undefined;
    // As a config of its own: what workers still say about the one that failed is not about this one.
    this.#current = { version: ++this.#lastVersion, config: this.#current.config };
    this.#wanted = this.#current;
    for (const worker of this.#servingWorkers())
      worker.send({ kind: "reload", config: this.#current });
  }

  #spreadAgain(worker: Worker): void {
    for (const socket of worker.takeBack()) {
      if (this.#isEnding) socket.destroy();
      else this.#spread.give(socket);
    }
  }

  #onEnd(slot: Slot, worker: Worker, how: string, hadLeft: boolean): void {
    this.#spreadAgain(worker);
    if (this.#isEnding) return;
    slot.worker = undefined;
    this.#settle();
    const { nowMs } = this.#options;
    if (slot.servesSinceMs !== undefined && nowMs() - slot.servesSinceMs >= STABLE_MS)
      slot.failuresInRow = 0;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** slot.failuresInRow++, LONGEST_PAUSE_MS);
    if (!this.#hasStarted && slot.failuresInRow >= START_TRIES) {
      this.#started.reject(new FailedError(`worker ${slot.number} does not start: ${how}`));
      return;
    }
    const tell = () => this.#tellEnd(worker, how, pauseMs);
    // It drained, told by a signal: one to the whole group is about to reach this process too.
    if (!hadLeft) tell();
    slot.timer = setTimeout(() => {
      if (hadLeft) tell();
      this.#fork(slot);
    }, pauseMs);
  }

  #tellEnd({ number, pid }: Worker, how: string, pauseMs: number): void {
    const left = this.#servingWorkers().length;
    this.#options.log(
      left === 0 ? "ERROR" : "WARNING",
      `worker ${number} (process ${pid}) ended: ${how}; ${left === 0 ? "none" : left} of ${this.#slots.length} left; another starts after ${pauseMs / 1000} s`,
    );
  }
}

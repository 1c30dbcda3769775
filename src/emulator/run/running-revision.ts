import { IdleWatch } from "./idle-watch.ts";
import { InstancePicker } from "./pick-instance.ts";
import type { RevisionSpec } from "./read-revision.ts";
import { RestartPause } from "./restart-pause.ts";
import type { RevisionTimes } from "./revision-times.ts";
import { type StartAnotherOptions, startAnother } from "./start-another.ts";
import { ContainerFailure, type Instance } from "./start-instance.ts";
import { type NoInstance, type WaitingCall, WaitingCalls } from "./waiting-calls.ts";

/** How long one that took no connection is passed over: most often it is ending, and will be replaced. */
const AVOID_MS = 1_000;

export interface RunningRevisionOptions extends StartAnotherOptions {
  readonly times: RevisionTimes;
  /** A crash or a failed start, and what follows from it. */
  readonly log: (severity: "WARNING" | "ERROR", message: string) => void;
}

/**
 * The instances of one revision: as many as scaling asks for and calls need, each call on the least loaded one, in turn
 * where that leaves a choice. One that crashes is replaced, with growing pauses while they keep crashing. States: open
 * (start), draining (drain: no new calls), ended (dispose: nothing runs).
 */
export class RunningRevision implements AsyncDisposable {
  readonly spec: RevisionSpec;
  readonly #options: RunningRevisionOptions;
  readonly #ready: Instance[] = [];
  readonly #starting = new Set<Promise<void>>();
  readonly #stopping = new Set<Promise<void>>();
  readonly #waiting: WaitingCalls;
  readonly #giveUp = new AbortController();
  readonly #picker: InstancePicker;
  readonly #pause: RestartPause;
  readonly #idle: IdleWatch;
  /** Somebody may be asked again when it is over. */
  #avoiding: NodeJS.Timeout | undefined;
  #isOpen = true;
  #lastFailure: ContainerFailure | undefined;
  /** Whoever waits until no call is in flight. */
  readonly #quiet = new Set<() => void>();

  constructor(options: RunningRevisionOptions) {
    const { spec, times, nowMs } = options;
    this.spec = spec;
    this.#options = options;
    this.#picker = new InstancePicker(spec.concurrency);
    this.#waiting = new WaitingCalls({
      waitMs: times.queueMs,
      nowMs,
      isHopeful: () => this.#starting.size > 0,
    });
    this.#pause = new RestartPause({
      firstMs: times.firstPauseMs,
      longestMs: times.longestPauseMs,
      onOver: () => this.#startMissing(),
    });
    this.#idle = new IdleWatch({
      idleMs: times.idleMs,
      nowMs,
      onIdle: (idle) => this.#stopIdle(idle),
    });
  }

  /** Start the minimum of instances, at least one, all at once. Rejects with the ContainerFailure of the first that fails. */
  async start(): Promise<void> {
    const count = Math.min(Math.max(this.spec.minInstances, 1), this.spec.maxInstances);
    await Promise.all(Array.from({ length: count }, () => this.#startOne()));
  }

  get instances(): readonly Instance[] {
    return this.#ready;
  }

  /** An instance for one RPC, now; or undefined: the call waits, or was refused already. */
  acquire(call: WaitingCall): Instance | undefined {
    const instance = this.#isOpen ? this.#pick() : undefined;
    if (instance !== undefined) return instance;
    if (this.#waiting.add(call)) {
      this.#startMissing();
      const isHopeless = this.#ready.length === 0 && this.#starting.size === 0;
      if (isHopeless || !this.#isOpen) this.#refuseWaiting();
    }
    return undefined;
  }

  /** The call no longer waits. */
  cancel(call: WaitingCall): void {
    this.#waiting.delete(call);
  }

  /** An instance took no connection, or refused the RPC: it gets none for a while. Its slot is free again. */
  avoid(instance: Instance): void {
    instance.avoidUntilMs = this.#options.nowMs() + AVOID_MS;
    this.release(instance);
    this.#avoiding ??= setTimeout(() => {
      this.#avoiding = undefined;
      this.#serveWaiting();
    }, AVOID_MS);
  }

  /** The RPC has ended. */
  release(instance: Instance): void {
    instance.inFlight--;
    if (instance.inFlight === 0) {
      instance.idleSinceMs = this.#options.nowMs();
      this.#watchIdle();
      if (this.#isQuiet()) this.#tellQuiet();
    }
    this.#serveWaiting();
  }

  /** Take no new calls; resolves when those in flight have ended, after `boundMs` at the latest. */
  async drain(boundMs: number): Promise<void> {
    this.#isOpen = false;
    this.#giveUp.abort(new Error(`${this.spec.revision} is being stopped`));
    this.#refuseWaiting();
    if (boundMs <= 0 || this.#isQuiet()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const bound = setTimeout(resolve, boundMs);
    this.#quiet.add(resolve);
    await promise;
    this.#quiet.delete(resolve);
    clearTimeout(bound);
  }

  /** Stop all instances; resolves when none is left. `graceMs`: from SIGTERM to SIGKILL. */
  async stop(graceMs: number): Promise<void> {
    await this.drain(0);
    this.#tellQuiet();
    this.#pause[Symbol.dispose]();
    this.#idle[Symbol.dispose]();
    clearTimeout(this.#avoiding);
    await Promise.allSettled(this.#starting);
    await Promise.all([
      ...this.#ready.splice(0).map((instance) => instance.stop(graceMs)),
      ...this.#stopping,
    ]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop(this.#options.times.graceMs);
  }

  #isQuiet(): boolean {
    return this.#ready.every(({ inFlight }) => inFlight === 0);
  }

  #tellQuiet(): void {
    for (const tell of [...this.#quiet]) tell();
  }

  /** Its slot is taken at once. */
  #pick(): Instance | undefined {
    const instance = this.#picker.pick(this.#ready, this.#options.nowMs());
    if (instance !== undefined) instance.inFlight++;
    return instance;
  }

  async #startOne(): Promise<void> {
    const work = startAnother(this.#options, this.#giveUp.signal).then(async (instance) => {
      if (this.#isOpen) this.#add(instance);
      else await instance.stop(0);
    });
    this.#starting.add(work);
    try {
      await work;
    } finally {
      this.#starting.delete(work);
    }
  }

  #add(instance: Instance): void {
    const startedAtMs = this.#options.nowMs();
    instance.idleSinceMs = startedAtMs;
    this.#ready.push(instance);
    void instance.ended.then((failure) => {
      const at = this.#ready.indexOf(instance);
      if (at < 0) return; // stopped by us
      this.#ready.splice(at, 1);
      this.#track(instance.stop(0));
      const livedMs = this.#options.nowMs() - startedAtMs;
      if (livedMs >= this.#options.times.stableMs) this.#pause.lived();
      this.#onFailure(failure);
    });
    this.#serveWaiting();
    this.#watchIdle();
  }

  #track(stop: Promise<void>): void {
    this.#stopping.add(stop);
    void stop.then(() => this.#stopping.delete(stop));
  }

  #onFailure(failure: ContainerFailure): void {
    this.#lastFailure = failure;
    if (!this.#isOpen) return;
    const pauseMs = this.#pause.failed();
    const isWanted = this.#starting.size > 0 || this.#wanted() > 0;
    const next = pauseMs === 0 ? "now" : `in ${pauseMs} ms`;
    this.#options.log("ERROR", `${failure.message}${isWanted ? `\n  restarted ${next}` : ""}`);
    if (this.#ready.length === 0 && this.#starting.size === 0) this.#refuseWaiting();
  }

  #startMissing(): void {
    if (!this.#isOpen || this.#pause.isOn) return;
    for (let missing = this.#wanted(); missing > 0; missing--) this.#startInBackground();
  }

  /** How many more instances the minimum and the waiting calls need. */
  #wanted(): number {
    const { minInstances, maxInstances, concurrency } = this.spec;
    const all = this.#ready.length + this.#starting.size;
    const forCalls = Math.ceil(this.#waiting.size / concurrency) - this.#starting.size;
    return Math.min(Math.max(minInstances - all, forCalls), maxInstances - all);
  }

  #startInBackground(): void {
    void this.#startOne().catch((cause: unknown) => {
      const failure =
        cause instanceof ContainerFailure ? cause : new ContainerFailure(String(cause), []);
      this.#onFailure(failure);
    });
  }

  #serveWaiting(): void {
    while (this.#waiting.size > 0) {
      const instance = this.#pick();
      if (instance === undefined) return;
      this.#waiting.shift()?.run(instance);
    }
  }

  #refuseWaiting(): void {
    const why: NoInstance = this.#isOpen
      ? { kind: "failed", detail: this.#lastFailure?.message ?? "no instance could be started" }
      : { kind: "stopped", detail: `${this.spec.revision} is being stopped` };
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      call.refuse(why);
    }
  }

  #watchIdle(): void {
    if (this.#isOpen && this.#ready.length > this.spec.minInstances) this.#idle.watch(this.#ready);
  }

  #stopIdle(idle: readonly Instance[]): void {
    const spare = Math.max(this.#ready.length - this.spec.minInstances, 0);
    for (const instance of idle.slice(0, spare)) {
      this.#ready.splice(this.#ready.indexOf(instance), 1);
      this.#track(instance.stop(this.#options.times.graceMs));
    }
    this.#watchIdle();
  }
}

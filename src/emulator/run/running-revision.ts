import { freePort } from "./free-port.ts";
import { IdleWatch } from "./idle-watch.ts";
import { InstancePicker } from "./pick-instance.ts";
import { instanceId } from "./random-names.ts";
import type { RevisionSpec } from "./read-revision.ts";
import { RestartPause } from "./restart-pause.ts";
import type { RevisionTimes } from "./revision-times.ts";
import {
  ContainerFailure,
  type Instance,
  type InstanceWorld,
  startInstance,
} from "./start-instance.ts";
import { type NoInstance, type WaitingCall, WaitingCalls } from "./waiting-calls.ts";

/** How long one that took no connection is passed over: it is ending, or about to crash. */
const AVOID_MS = 1_000;

export interface RunningRevisionOptions {
  readonly spec: RevisionSpec;
  readonly world: InstanceWorld;
  readonly times: RevisionTimes;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** Ports promised to instances of this emulator that do not listen yet. */
  readonly portsInUse: Set<number>;
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
    if (!this.#isOpen) {
      call.refuse({ kind: "stopped", detail: `${this.spec.revision} is being stopped` });
      return undefined;
    }
    const instance = this.#pick();
    if (instance !== undefined) return instance;
    const refusal = this.#waiting.add(call);
    if (refusal !== undefined) {
      call.refuse(refusal);
      return undefined;
    }
    this.#startMissing();
    if (this.#ready.length === 0 && this.#starting.size === 0) this.#refuseWaiting();
    return undefined;
  }

  /** The call no longer waits. */
  cancel(call: WaitingCall): void {
    this.#waiting.delete(call);
  }

  /** Instead of an instance that could not begin the RPC: another one, or the same where there is no other. */
  swap(instance: Instance): Instance {
    instance.avoidUntilMs = this.#options.nowMs() + AVOID_MS;
    const other = this.#pick();
    if (other === undefined) return instance;
    this.release(instance);
    return other;
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
    const { world, random, nowMs, portsInUse } = this.#options;
    const work = (async () => {
      const port = await freePort(random, portsInUse);
      portsInUse.add(port);
      try {
        const place = { id: instanceId(random), port, nowMs: nowMs() };
        const instance = await startInstance(this.spec, place, world, this.#giveUp.signal);
        if (this.#isOpen) this.#add(instance);
        else await instance.stop(0);
      } finally {
        portsInUse.delete(port);
      }
    })();
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
    const now = this.#ready.length + this.#starting.size;
    const forCalls = Math.ceil(this.#waiting.size / concurrency) - this.#starting.size;
    return Math.min(Math.max(minInstances - now, forCalls), maxInstances - now);
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

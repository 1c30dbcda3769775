import type { Instance } from "./start-instance.ts";

/** Why no instance can take a call. */
export type NoInstance =
  /** All that may run are full, and the wait was too long or the queue too. */
  | { readonly kind: "busy"; readonly detail: string }
  /** None can be started, or the last one just crashed. */
  | { readonly kind: "failed"; readonly detail: string }
  /** The revision is being stopped. */
  | { readonly kind: "stopped"; readonly detail: string };

/** A call that waits for an instance: exactly one of the two is called, once, unless it is cancelled. */
export interface WaitingCall {
  /** The instance is this call's until it is released. */
  run(instance: Instance): void;
  refuse(why: NoInstance): void;
}

/** Calls that may wait for an instance of one revision. */
const MAX_WAITING = 1_000;

export interface WaitingCallsOptions {
  /** How long a call waits. */
  readonly waitMs: number;
  readonly nowMs: () => number;
  /** While an instance is starting, nobody is sent away: that start is bounded itself. */
  readonly isHopeful: () => boolean;
}

/** A bounded queue, first come, first served. All wait equally long, so one timer, for the oldest, is enough. */
export class WaitingCalls {
  readonly #options: WaitingCallsOptions;
  /** In order of arrival, each with its deadline. */
  readonly #calls = new Map<WaitingCall, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WaitingCallsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** False: too many wait, and it was refused. */
  add(call: WaitingCall): boolean {
    if (this.#calls.size >= MAX_WAITING) {
      call.refuse({ kind: "busy", detail: `${MAX_WAITING} calls wait for an instance already` });
      return false;
    }
    this.#calls.set(call, this.#options.nowMs() + this.#options.waitMs);
    this.#arm();
    return true;
  }

  delete(call: WaitingCall): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#disarm();
  }

  shift(): WaitingCall | undefined {
    const [call] = this.#calls.keys();
    if (call !== undefined) this.delete(call);
    return call;
  }

  #arm(): void {
    const [deadlineMs] = this.#calls.values();
    if (deadlineMs === undefined || this.#timer !== undefined) return;
    const inMs = Math.max(deadlineMs - this.#options.nowMs(), 1);
    this.#timer = setTimeout(() => this.#expire(), inMs);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const { waitMs, nowMs, isHopeful } = this.#options;
    if (isHopeful()) {
      this.#timer = setTimeout(() => this.#expire(), waitMs);
      return;
    }
    const now = nowMs();
    for (const [call, deadlineMs] of [...this.#calls]) {
      if (deadlineMs > now) break;
      this.delete(call);
      call.refuse({ kind: "busy", detail: `no instance had room for ${waitMs / 1000} s` });
    }
    this.#arm();
  }
}

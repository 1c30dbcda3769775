import type { TimerWheel, WheelTask } from "./timer-wheel.ts";

/** What a connection waits for, each with a limit of its own. */
export const Deadline = {
  /** The peer's first SETTINGS. */
  GREETING: 0,
  /** The acknowledgement of ours. */
  ACK: 1,
  /** The rest of a header block. */
  HEAD: 2,
  /** The next look at idleness, silence and stalled output. */
  LOOK: 3,
  /** The answer to the PING of a drain. */
  DRAIN: 4,
  /** The peer's end of a connection that is over. */
  LINGER: 5,
  /** The next question whether a peer that says nothing more is still there. */
  PROBE: 6,
} as const;

/** All deadlines of one connection as one task of the wheel. */
export class Deadlines implements WheelTask {
  wheelNext: WheelTask | undefined = undefined;
  wheelPrevious: WheelTask | undefined = undefined;
  wheelTick = -1;
  readonly #wheel: TimerWheel;
  readonly #onDue: (deadline: number) => void;
  readonly #dueMs: number[] = new Array(7).fill(Number.POSITIVE_INFINITY);
  #armedForMs = Number.POSITIVE_INFINITY;

  constructor(wheel: TimerWheel, onDue: (deadline: number) => void) {
    this.#wheel = wheel;
    this.#onDue = onDue;
  }

  set(deadline: number, delayMs: number): void {
    const nowMs = this.#wheel.nowMs;
    const dueMs = nowMs + delayMs;
    this.#dueMs[deadline] = dueMs;
    if (dueMs >= this.#armedForMs) return;
    this.#armedForMs = dueMs;
    this.#wheel.arm(this, delayMs);
  }

  isSet(deadline: number): boolean {
    return this.#dueMs[deadline] !== Number.POSITIVE_INFINITY;
  }

  clear(deadline: number): void {
    this.#dueMs[deadline] = Number.POSITIVE_INFINITY;
  }

  /** No more calls. */
  stop(): void {
    this.#dueMs.fill(Number.POSITIVE_INFINITY);
    this.#armedForMs = Number.POSITIVE_INFINITY;
    this.#wheel.cancel(this);
  }

  onTimer(): void {
    const nowMs = this.#wheel.nowMs;
    this.#armedForMs = Number.POSITIVE_INFINITY;
    for (let deadline = 0; deadline < this.#dueMs.length; deadline++) {
      if ((this.#dueMs[deadline] ?? nowMs) > nowMs) continue;
      this.clear(deadline);
      this.#onDue(deadline);
    }
    const nextMs = Math.min(...this.#dueMs);
    if (nextMs >= this.#armedForMs) return;
    this.#armedForMs = nextMs;
    this.#wheel.arm(this, nextMs - nowMs);
  }
}

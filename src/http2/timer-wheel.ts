import { performance } from "node:perf_hooks";

/**
 * Something that happens at a time unless it is cancelled. The wheel links the tasks themselves: arming and
 * cancelling allocates nothing and takes no timer of the runtime, so every exchange may have one.
 */
export interface WheelTask {
  /** Belong to the wheel: undefined, undefined and -1 while not armed. */
  wheelNext: WheelTask | undefined;
  wheelPrevious: WheelTask | undefined;
  wheelTick: number;
  onTimer(): void;
}

/** Slots of one turn of the wheel: 512 ticks are 8 s, so most deadlines are cancelled before they are looked at twice. */
const SLOTS = 512;
/** How late a task may be. */
const TICK_MS = 16;
/** Node's timers run up to a millisecond early against performance.now(). */
const EARLY_MS = 1;

/**
 * One timer for any number of deadlines. It sleeps while nothing is armed, and never keeps the process alive.
 * Time is monotonic: a clock that jumps moves no deadline.
 */
export class TimerWheel implements Disposable {
  readonly #slots: (WheelTask | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #monotonicMs: () => number;
  #armed = 0;
  /** Last tick that was handled. */
  #tick: number;
  #timer: NodeJS.Timeout | undefined;
  #wakeTick = Number.POSITIVE_INFINITY;
  #disposed = false;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
    this.#tick = this.#currentTick();
  }

  /** Milliseconds on the wheel's own clock. */
  get nowMs(): number {
    return this.#monotonicMs();
  }

  /** Tasks that wait. */
  get armed(): number {
    return this.#armed;
  }

  /** Calls `task.onTimer()` once, `delayMs` from now and at most a tick later. An armed task is moved. */
  arm(task: WheelTask, delayMs: number): void {
    if (this.#disposed) return;
    if (task.wheelTick >= 0) this.#unlink(task);
    if (this.#armed === 0) this.#tick = this.#currentTick();
    const due = Math.ceil((this.#monotonicMs() + delayMs) / TICK_MS);
    const tick = due > this.#tick ? due : this.#tick + 1;
    const slot = tick % SLOTS;
    const first = this.#slots[slot];
    task.wheelTick = tick;
    task.wheelPrevious = undefined;
    task.wheelNext = first;
    if (first !== undefined) first.wheelPrevious = task;
    this.#slots[slot] = task;
    this.#armed++;
    if (tick < this.#wakeTick) this.#sleepUntil(tick);
  }

  /** Does nothing to a task that is not armed. */
  cancel(task: WheelTask): void {
    if (task.wheelTick >= 0) this.#unlink(task);
  }

  /** Forgets every task; later ones are ignored. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let task = this.#slots[slot]; task !== undefined; task = this.#slots[slot]) {
        this.#unlink(task);
      }
    }
  }

  #unlink(task: WheelTask): void {
    const { wheelNext: next, wheelPrevious: previous } = task;
    if (previous === undefined) this.#slots[task.wheelTick % SLOTS] = next;
    else previous.wheelNext = next;
    if (next !== undefined) next.wheelPrevious = previous;
    task.wheelNext = undefined;
    task.wheelPrevious = undefined;
    task.wheelTick = -1;
    this.#armed--;
  }

  #currentTick(): number {
    return Math.floor((this.#monotonicMs() + EARLY_MS) / TICK_MS);
  }

  #sleepUntil(tick: number): void {
    clearTimeout(this.#timer);
    this.#wakeTick = tick;
    const delayMs = Math.max(1, Math.ceil(tick * TICK_MS - this.#monotonicMs()));
    this.#timer = setTimeout(() => this.#wake(), delayMs).unref();
  }

  #wake(): void {
    this.#wakeTick = Number.POSITIVE_INFINITY;
    const now = this.#currentTick();
    // After a long stall one turn looks at every slot; more would only look again.
    if (now - this.#tick > SLOTS) this.#tick = now - SLOTS;
    while (this.#tick < now) {
      this.#tick++;
      this.#fire(this.#tick % SLOTS, now);
    }
    if (this.#armed === 0 || this.#disposed) return;
    for (let ahead = 1; ahead <= SLOTS; ahead++) {
      if (this.#slots[(now + ahead) % SLOTS] === undefined) continue;
      if (now + ahead < this.#wakeTick) this.#sleepUntil(now + ahead);
      return;
    }
  }

  #fire(slot: number, now: number): void {
    // Tasks may arm and cancel others while they run: what is due is taken out first, one by one.
    let task = this.#slots[slot];
    while (task !== undefined) {
      if (task.wheelTick > now) {
        task = task.wheelNext;
        continue;
      }
      this.#unlink(task);
      task.onTimer();
      task = this.#slots[slot];
    }
  }
}

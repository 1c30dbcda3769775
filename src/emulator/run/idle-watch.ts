import type { Instance } from "./start-instance.ts";

export interface IdleWatchOptions {
  /** An instance that had no call for this long is not needed. */
  readonly idleMs: number;
  readonly nowMs: () => number;
  /** Those that are not needed now, perhaps none. Whoever wants to hear of the others watches again. */
  readonly onIdle: (idle: readonly Instance[]) => void;
}

/** Says which instances have been idle for too long. One timer for all of them. */
export class IdleWatch implements Disposable {
  readonly #options: IdleWatchOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IdleWatchOptions) {
    this.#options = options;
  }

  /** Look at these (the caller's own list, as it is then) when the first of them can have been idle for long enough. */
  watch(instances: readonly Instance[]): void {
    if (this.#timer !== undefined) return;
    const { idleMs, nowMs, onIdle } = this.#options;
    const idle = instances.filter(({ inFlight }) => inFlight === 0);
    if (idle.length === 0) return;
    const firstMs = Math.min(...idle.map(({ idleSinceMs }) => idleSinceMs)) + idleMs;
    const onTime = (): void => {
      this.#timer = undefined;
      const now = nowMs();
      onIdle(
        instances.filter(
          ({ inFlight, idleSinceMs }) => inFlight === 0 && now - idleSinceMs >= idleMs,
        ),
      );
    };
    this.#timer = setTimeout(onTime, Math.max(firstMs - nowMs(), 1));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

export interface RestartPauseOptions {
  /** Before the second start in a row after a failure; doubles up to `longestMs`. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** The pause is over, or there was none: start what is missing. */
  readonly onOver: () => void;
}

/** How long to wait before a container that fails is started again: not after its first failure, longer after each further one in a row. */
export class RestartPause implements Disposable {
  readonly #options: RestartPauseOptions;
  #failuresInRow = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RestartPauseOptions) {
    this.#options = options;
  }

  /** Nobody is to start anything now. */
  get isOn(): boolean {
    return this.#timer !== undefined;
  }

  /** A container failed. `onOver` follows, at once or later; returns after how many milliseconds. */
  failed(): number {
    const { firstMs, longestMs, onOver } = this.#options;
    const doublings = Math.min(this.#failuresInRow++, 30) - 1;
    if (this.#timer !== undefined) return longestMs;
    if (doublings < 0) {
      onOver();
      return 0;
    }
    const pauseMs = Math.min(firstMs * 2 ** doublings, longestMs);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      onOver();
    }, pauseMs);
    return pauseMs;
  }

  /** One lived long enough: the next failure is a first one. */
  lived(): void {
    this.#failuresInRow = 0;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

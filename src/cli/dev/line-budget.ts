/** Lines a second that a reader can still follow. */
const LINES_A_SECOND = 40;

/** Prints lines, and when there are too many in one second their number instead of the rest. */
export class LineBudget implements Disposable {
  readonly #print: (line: string) => void;
  #used = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  print(line: string): void {
    this.#timer ??= setTimeout(() => this.#next(), 1000);
    if (this.#used < LINES_A_SECOND) {
      this.#used += 1;
      this.#print(line);
    } else this.#dropped += 1;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#next();
  }

  #next(): void {
    if (this.#dropped > 0) this.#print(`...       ${this.#dropped} more calls`);
    this.#timer = undefined;
    this.#used = 0;
    this.#dropped = 0;
  }
}

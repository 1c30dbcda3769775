/**
 * What was started so far, ended in reverse order: so that nothing is left open when a later part cannot start. The part
 * of AsyncDisposableStack that is needed here: Node 22 has none.
 */
export class StartedParts implements AsyncDisposable {
  #parts: (Disposable | AsyncDisposable)[] = [];

  use<T extends Disposable | AsyncDisposable>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  /** All parts under a new owner; this one has none any more. */
  move(): StartedParts {
    const moved = new StartedParts();
    moved.#parts = this.#parts;
    this.#parts = [];
    return moved;
  }

  /** Ends every part, also after one that fails; rejects with the first failure. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const part of this.#parts.splice(0).reverse()) {
      try {
        if (Symbol.asyncDispose in part) await part[Symbol.asyncDispose]();
        else part[Symbol.dispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

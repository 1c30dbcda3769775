import type { Instance } from "./start-instance.ts";

/** Picks one instance an RPC. Remembers whose turn it is. */
export class InstancePicker {
  readonly #concurrency: number;
  #next = 0;

  /** @param concurrency RPCs that one instance may have at once. */
  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /**
   * The least loaded instance that has room and is not to be avoided now; the next in turn among equals, so that one
   * channel meets all of them.
   */
  pick(instances: readonly Instance[], nowMs: number): Instance | undefined {
    let best: Instance | undefined;
    let bestAt = 0;
    for (let step = 0; step < instances.length; step++) {
      const at = (this.#next + step) % instances.length;
      const instance = instances[at];
      if (instance === undefined || instance.inFlight >= this.#concurrency) continue;
      if (best !== undefined && instance.inFlight >= best.inFlight) continue;
      if (instance.avoidUntilMs > nowMs) continue;
      best = instance;
      bestAt = at;
    }
    if (best !== undefined) this.#next = bestAt + 1;
    return best;
  }
}

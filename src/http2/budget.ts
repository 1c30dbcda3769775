import type { Rate } from "./limits.ts";

/** What a peer may do at a Rate: a bucket of tokens that refills with time. Reads the clock only when it is empty. */
export class Budget {
  readonly #rate: Rate;
  readonly #nowMs: () => number;
  #tokens: number;
  #filledAtMs: number;

  constructor(rate: Rate, nowMs: () => number) {
    this.#rate = rate;
    this.#nowMs = nowMs;
    this.#tokens = rate.burst;
    this.#filledAtMs = nowMs();
  }

  /** False: more than the peer may. */
  spend(tokens: number): boolean {
    this.#tokens -= tokens;
    if (this.#tokens >= 0) return true;
    const nowMs = this.#nowMs();
    const earned = ((nowMs - this.#filledAtMs) / 1000) * this.#rate.perSecond;
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(this.#tokens + tokens + earned, this.#rate.burst) - tokens;
    return this.#tokens >= 0;
  }

  /** What the peer did turned out to be useful. */
  refund(tokens: number): void {
    this.#tokens = Math.min(this.#tokens + tokens, this.#rate.burst);
  }
}

import { Budget } from "./budget.ts";
import { ChunkPool } from "./chunk-pool.ts";
import type { H2Exchange } from "./h2-exchange.ts";
import type { Rate } from "./limits.ts";
import type { Output } from "./output.ts";
import { TimerWheel } from "./timer-wheel.ts";
import type { Reading } from "./turn-share.ts";

/** What has to happen when the current turn of the event loop has read all that there was. */
export interface Finisher {
  /** The answer of that exchange is whole and its request is not: stop it, unless its end came in this turn. */
  stopRequest(exchange: H2Exchange): void;
  /** Tell the user that it is over, cleanly. */
  conclude(exchange: H2Exchange): void;
}

/** So many connections get their whole share of a turn; when those have used it up, the others get a part of theirs. */
const WHOLE_SHARES = 16;
const PART_OF_A_SHARE = 1 / 32;

/**
 * What the connections of one engine share: memory to write into, one timer for all deadlines, and the end of the turn,
 * when all of them send what they have, one write each.
 */
export class Turn {
  readonly pool = new ChunkPool();
  readonly wheel = new TimerWheel();
  /** Received bytes that all connections together hold unread. */
  held = 0;
  /** Grows with every turn that is counted. */
  number = 0;
  /** What was done for what peers sent since it grew, in small frames. */
  work = 0;
  #reading: Reading[] = [];
  #dirty: Output[] = [];
  #stopping: H2Exchange[] = [];
  #over: H2Exchange[] = [];
  #isScheduled = false;
  readonly #run = () => this.#end();

  budget(rate: Rate): Budget {
    return new Budget(rate, () => this.wheel.nowMs);
  }

  /** This turn has an end, and `number` grows then. */
  count(): void {
    this.#schedule();
  }

  /** What one connection may do now of at most so much. */
  shareOf(most: number): number {
    return this.work < most * WHOLE_SHARES ? most : Math.ceil(most * PART_OF_A_SHARE);
  }

  /** `readOn` in the next turn. */
  readLater(reading: Reading): void {
    this.#reading.push(reading);
    this.#schedule();
  }

  /** There is something to flush. */
  touch(output: Output): void {
    this.#dirty.push(output);
    this.#schedule();
  }

  /** `stopRequest` at the end of the turn. */
  stopLater(exchange: H2Exchange): void {
    this.#stopping.push(exchange);
    this.#schedule();
  }

  /** `conclude` at the end of the turn, after the frames have been handed to the sockets. */
  concludeLater(exchange: H2Exchange): void {
    this.#over.push(exchange);
    this.#schedule();
  }

  /** What waits for the end of the turn on a connection that is gone. */
  concludeNow(session: Finisher): void {
    const gone = this.#over.filter((exchange) => (exchange.session as unknown) === session);
    if (gone.length === 0) return;
    this.#over = this.#over.filter((exchange) => (exchange.session as unknown) !== session);
    for (const exchange of gone) session.conclude(exchange);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  }

  #end(): void {
    this.#isScheduled = false;
    this.number++;
    this.work = 0;
    const stopping = this.#stopping;
    if (stopping.length > 0) {
      this.#stopping = [];
      for (const exchange of stopping)
        (exchange.session as unknown as Finisher).stopRequest(exchange);
    }
    const dirty = this.#dirty;
    if (dirty.length > 0) {
      this.#dirty = [];
      for (const output of dirty) output.flush();
    }
    const over = this.#over;
    if (over.length > 0) {
      this.#over = [];
      for (const exchange of over) (exchange.session as unknown as Finisher).conclude(exchange);
    }
    const reading = this.#reading;
    if (reading.length === 0) return;
    this.#reading = [];
    for (const each of reading) each.readOn();
  }
}

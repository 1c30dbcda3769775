import type { Turn } from "./turn.ts";

/** What can go on reading when the next turn has come. */
export interface Reading {
  readOn(): void;
}

/** A head costs as much as so many small frames: what is made of it. */
const HEAD_WORK = 16;
/** What is left of a share after little. */
const LITTLE_LEAVES = 7 / 8;

/**
 * How much of this turn of the event loop one connection may take for what it sent, in small frames. When it is used up,
 * what was read and not handled waits for the next turn, and so do the other connections no longer.
 */
export class TurnShare {
  readonly #turn: Turn;
  readonly #most: number;
  #turnNumber = -1;
  #left = 0;

  constructor(turn: Turn, most: number) {
    this.#turn = turn;
    this.#most = most;
  }

  get isUsedUp(): boolean {
    return this.#left <= 0;
  }

  /** Something is about to be handled: each turn there is a new share. */
  renew(): void {
    if (this.#turnNumber !== this.#turn.number) this.#left = this.#turn.shareOf(this.#most);
  }

  /** It was. Little of it is not held against who sends more in this turn: then no turn has to be counted. */
  settle(): void {
    if (this.#left > this.#most * LITTLE_LEAVES) return;
    this.#turn.count();
    this.#turnNumber = this.#turn.number;
  }

  spend(work: number): void {
    this.#left -= work;
    this.#turn.work += work;
  }
}

/** And one more for each 256 bytes of its list. */
export function headWork(listBytes: number): number {
  return HEAD_WORK + (listBytes >>> 8);
}

/** To decode a block: one for each 16 bytes on the wire; what a block names of the table costs next to nothing. */
export function blockWork(bytes: number): number {
  return bytes >>> 4;
}

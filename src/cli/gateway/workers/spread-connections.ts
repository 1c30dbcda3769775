import type { Socket } from "node:net";

/** Connections that wait for a worker. Against: callers that come faster than workers start. */
const MAX_WAITING = 1_024;

/** Somebody who serves connections. */
export interface Taker {
  readonly connections: number;
  hand(socket: Socket): void;
}

/**
 * Gives each connection to the taker that has the fewest; the turn goes round among equals. gRPC clients keep few
 * connections for long, so that an uneven spread would last: measured with 8 connections to 2 processes, the kernel's
 * own choice (a shared listener) often gives all 8 to one, node:cluster's round robin 5 to 3 or worse in every other try.
 */
export class ConnectionSpread implements Disposable {
  readonly #takers: () => readonly Taker[];
  readonly #waiting = new Set<Socket>();
  #turn = 0;

  /** @param takers those who may be given one now, in an order that lasts */
  constructor(takers: () => readonly Taker[]) {
    this.#takers = takers;
  }

  /** Without a taker it waits for `retry`. */
  give(socket: Socket): void {
    const takers = this.#takers();
    let chosen: Taker | undefined;
    for (let step = 0; step < takers.length; step++) {
      const taker = takers[(this.#turn + step) % takers.length];
      if (taker !== undefined && taker.connections < (chosen?.connections ?? Infinity))
        chosen = taker;
    }
    this.#turn++;
    if (chosen !== undefined) chosen.hand(socket);
    else if (this.#waiting.size < MAX_WAITING) this.#wait(socket);
    else socket.destroy();
  }

  /** Somebody can take connections again. */
  retry(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const socket of waiting) this.give(socket);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #wait(socket: Socket): void {
    this.#waiting.add(socket);
    socket.once("close", () => this.#waiting.delete(socket));
  }
}

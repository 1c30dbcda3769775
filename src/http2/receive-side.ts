import { INITIAL_WINDOW } from "./frames.ts";
import type { H2Exchange } from "./h2-exchange.ts";
import type { Limits } from "./limits.ts";
import type { Turn } from "./turn.ts";

export interface ReceiveOwner {
  readonly exchanges: Iterable<H2Exchange>;
  sendWindowUpdate(id: number, bytes: number): void;
  /** Too much is held unread: end the exchange that holds others up. */
  onHoldingTooMuch(exchange: H2Exchange): void;
}

/**
 * The receiving side's windows. The connection's credit goes back when bytes arrive, an exchange's when its user
 * releases them: who does not read stops itself, not the others. What is held unread is bounded by connection and by
 * engine; beyond that the exchange that holds most is ended.
 */
export class ReceiveSide {
  /** What the peer may still send on the connection. */
  window = INITIAL_WINDOW;
  /** The window new exchanges begin with; our SETTINGS count from their acknowledgement on if they make it smaller. */
  initialWindow: number;
  readonly #limits: Limits;
  readonly #turn: Turn;
  readonly #owner: ReceiveOwner;
  /** Arrived, not told to the peer yet. */
  #arrived = 0;
  #held = 0;
  /** What it may hold also while all connections together hold too much: one exchange's worth, so that few who hold much end no other's calls. */
  readonly #share: number;

  /** Arrived, not told to the peer yet: at rest, what is missing of the window. */
  get owed(): number {
    return this.#arrived;
  }

  /** Handed to users and not released. */
  get held(): number {
    return this.#held;
  }

  constructor(limits: Limits, turn: Turn, owner: ReceiveOwner) {
    this.#limits = limits;
    this.#turn = turn;
    this.#owner = owner;
    this.initialWindow = Math.max(INITIAL_WINDOW, limits.streamWindow);
    this.#share = Math.min(limits.streamWindow, limits.sessionWindow);
  }

  /** Opens the connection's window to its full size. */
  open(): void {
    const more = this.#limits.sessionWindow - INITIAL_WINDOW;
    if (more <= 0) return;
    this.window += more;
    this.#owner.sendWindowUpdate(0, more);
  }

  /** The peer knows our SETTINGS. */
  settle(): void {
    const less = this.initialWindow - this.#limits.streamWindow;
    if (less === 0) return;
    this.initialWindow = this.#limits.streamWindow;
    for (const exchange of this.#owner.exchanges) exchange.receiveWindow -= less;
  }

  /** False: more than the connection's window. */
  take(bytes: number): boolean {
    this.window -= bytes;
    return this.window >= 0;
  }

  /** Bytes of DATA, padding too, that need no more of the connection's window. */
  credit(bytes: number): void {
    this.#arrived += bytes;
    if (this.#arrived * 2 < this.#limits.sessionWindow) return;
    this.window += this.#arrived;
    this.#owner.sendWindowUpdate(0, this.#arrived);
    this.#arrived = 0;
  }

  /** The user gets these. */
  hold(exchange: H2Exchange, bytes: number): void {
    exchange.held += bytes;
    this.#held += bytes;
    this.#turn.held += bytes;
    if (
      this.#held > this.#limits.heldBytes ||
      (this.#turn.held > this.#limits.engineHeldBytes && this.#held > this.#share)
    ) {
      this.#relieve();
    }
  }

  /** The user is done with these, or nobody will be. */
  release(exchange: H2Exchange, bytes: number): number {
    const released = Math.min(bytes, exchange.held);
    exchange.held -= released;
    this.#held -= released;
    this.#turn.held -= released;
    return released;
  }

  /** An exchange's window, when half of it was released. */
  creditExchange(exchange: H2Exchange, bytes: number): void {
    exchange.released += bytes;
    if (exchange.released * 2 < this.#limits.streamWindow) return;
    exchange.receiveWindow += exchange.released;
    this.#owner.sendWindowUpdate(exchange.id, exchange.released);
    exchange.released = 0;
  }

  #relieve(): void {
    let largest: H2Exchange | undefined;
    for (const exchange of this.#owner.exchanges) {
      if (largest === undefined || exchange.held > largest.held) largest = exchange;
    }
    if (largest !== undefined) this.#owner.onHoldingTooMuch(largest);
  }
}

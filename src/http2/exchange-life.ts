import type { Budget } from "./budget.ts";
import type { Connection } from "./connection.ts";
import { putReset } from "./control-frames.ts";
import { Delivery } from "./delivery.ts";
import { ErrorCodes } from "./error-code.ts";
import type { Bytes, ErrorCode } from "./exchange.ts";
import { type H2Exchange, State } from "./h2-exchange.ts";
import type { Head } from "./head.ts";
import type { Turn } from "./turn.ts";

/** What an exchange goes through from its first frame to onClose: who ends it, what the peer hears, what the user hears. */
export class ExchangeLife {
  readonly #connection: Connection;
  readonly #turn: Turn;
  readonly #delivery: Delivery;
  readonly #refusals: Budget;
  /** Server: resets by the peer. Client: our own. */
  readonly #resets: Budget;

  constructor(connection: Connection, turn: Turn) {
    const { limits, isServer } = connection;
    this.#connection = connection;
    this.#turn = turn;
    this.#delivery = new Delivery((exchange) => this.fail(exchange, ErrorCodes.INTERNAL_ERROR));
    this.#refusals = turn.budget(limits.refusals);
    this.#resets = turn.budget(isServer ? limits.resets : limits.ownResets);
  }

  // What came.

  onHead(exchange: H2Exchange, head: Head, ends: boolean): void {
    this.#delivery.head(exchange, head, ends);
    if (ends) this.#finishWhenBothEnded(exchange);
  }

  onData(exchange: H2Exchange, bytes: Bytes, ends: boolean): void {
    this.#delivery.data(exchange, bytes, ends);
    if (ends) this.#finishWhenBothEnded(exchange);
  }

  onTrailers(exchange: H2Exchange, trailers: Head): void {
    if (exchange.is(State.STOPPING)) return;
    this.#delivery.trailers(exchange, trailers);
    this.#finishWhenBothEnded(exchange);
  }

  onPeerReset(exchange: H2Exchange, code: ErrorCode): void {
    const { isServer } = this.#connection;
    const isAnswered = exchange.is(isServer ? State.STOPPING : State.RECEIVED_END);
    // A reset of what was not whole never becomes a clean end.
    const unclean = isServer ? ErrorCodes.CANCEL : ErrorCodes.INTERNAL_ERROR;
    this.lose(exchange, code === ErrorCodes.NO_ERROR && !isAnswered ? unclean : code);
    if (isServer && !this.#resets.spend(1)) {
      this.#connection.fail(ErrorCodes.ENHANCE_YOUR_CALM, "too many resets");
    }
  }

  /** The peer broke a rule of an exchange that may be over or never have begun. */
  refuse(id: number, code: ErrorCode): void {
    const exchange = this.#connection.exchanges.get(id);
    if (exchange === undefined) this.#resetStream(id, code);
    else this.fail(exchange, code);
    if (!this.#refusals.spend(1)) {
      this.#connection.fail(ErrorCodes.ENHANCE_YOUR_CALM, "too many exchanges had to be reset");
    }
  }

  // What left.

  onSentEnd(exchange: H2Exchange): void {
    exchange.state |= State.SENT_END;
    if (exchange.is(State.RECEIVED_END)) this.#finish(exchange);
    else if (this.#connection.isServer) {
      exchange.state |= State.STOPPING;
      this.#turn.stopLater(exchange);
    }
  }

  onSent(exchange: H2Exchange): void {
    if (!exchange.is(State.ENDING | State.OVER)) this.#delivery.drained(exchange);
  }

  // Ends.

  /** The user wants no more of it, and hears no more. False: that is more often than the upstream may bear. */
  cancel(exchange: H2Exchange, code: ErrorCode): boolean {
    if (exchange.is(State.CLOSED)) return true;
    exchange.state |= State.CLOSED;
    if (exchange.is(State.OVER)) return true;
    this.#stop(exchange, code < 0 ? ErrorCodes.CANCEL : code);
    return this.#connection.isServer || this.#resets.spend(1);
  }

  /** RST_STREAM, and onClose with the same code. */
  fail(exchange: H2Exchange, code: ErrorCode): void {
    const closeCode = wholeOr(exchange, code);
    this.#stop(exchange, code);
    this.#delivery.close(exchange, closeCode);
  }

  /** Nothing more can be said about it to the peer. */
  lose(exchange: H2Exchange, code: ErrorCode): void {
    const closeCode = wholeOr(exchange, code);
    this.#remove(exchange);
    this.#delivery.close(exchange, closeCode);
  }

  /** What the user wanted to send is no header: RST_STREAM now, onClose after the user's call. */
  onUnwritable(exchange: H2Exchange, error: unknown): void {
    if (!(error instanceof TypeError)) throw error;
    this.#delivery.report(exchange, error);
    exchange.closeCode = ErrorCodes.INTERNAL_ERROR;
    this.#stop(exchange, ErrorCodes.INTERNAL_ERROR);
    this.#turn.concludeLater(exchange);
  }

  /** Its head is no header: it never began. onClose after the user's call. */
  onStillborn(exchange: H2Exchange, error: TypeError): void {
    exchange.state |= State.OVER;
    exchange.closeCode = ErrorCodes.INTERNAL_ERROR;
    this.#delivery.report(exchange, error);
    this.#turn.concludeLater(exchange);
  }

  /** GOAWAY named a lower id: the peer never began them. */
  disown(exchanges: readonly H2Exchange[], tell: () => void): void {
    for (const exchange of exchanges) this.#remove(exchange);
    tell();
    for (const exchange of exchanges) this.#delivery.close(exchange, ErrorCodes.REFUSED_STREAM);
  }

  // The end of the turn.

  /** The answer is whole: if the request is not by now, the rest of it is not wanted. */
  stopRequest(exchange: H2Exchange): void {
    if (exchange.is(State.OVER)) return;
    if (!exchange.is(State.RECEIVED_END)) this.#resetStream(exchange.id, ErrorCodes.NO_ERROR);
    this.#finish(exchange);
  }

  conclude(exchange: H2Exchange): void {
    if (this.#connection.isServer && exchange.closeCode === ErrorCodes.NO_ERROR) {
      this.#resets.refund(1);
    }
    this.#delivery.close(exchange, exchange.closeCode);
  }

  #finishWhenBothEnded(exchange: H2Exchange): void {
    if (exchange.is(State.SENT_END) && !exchange.is(State.STOPPING)) this.#finish(exchange);
  }

  #finish(exchange: H2Exchange): void {
    if (exchange.is(State.OVER)) return;
    this.#remove(exchange);
    this.#turn.concludeLater(exchange);
  }

  #stop(exchange: H2Exchange, code: ErrorCode): void {
    if (exchange.is(State.OVER)) return;
    this.#resetStream(exchange.id, code);
    this.#remove(exchange);
  }

  #resetStream(id: number, code: ErrorCode): void {
    putReset(this.#connection.output, id, code);
    this.#connection.exchanges.noteReset(id);
  }

  #remove(exchange: H2Exchange): void {
    const { exchanges, receive, send } = this.#connection;
    const hadRoom = this.#connection.capacity > 0;
    exchange.state |= State.OVER;
    exchanges.delete(exchange.id);
    receive.release(exchange, exchange.held);
    send.forget(exchange);
    this.#connection.onRemoved(hadRoom);
  }
}

/** An answer that has left whole is whole, whatever becomes of its request. */
function wholeOr(exchange: H2Exchange, code: ErrorCode): ErrorCode {
  return exchange.is(State.STOPPING) ? ErrorCodes.NO_ERROR : code;
}

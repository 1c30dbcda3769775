import type { Bytes, ErrorCode } from "./exchange.ts";
import { type H2Exchange, State } from "./h2-exchange.ts";
import type { Head } from "./head.ts";

/** Calls what users gave to hear of their exchanges. Who throws ends that exchange, and nothing else. */
export class Delivery {
  readonly #onThrown: (exchange: H2Exchange) => void;

  /** `onThrown`: a callback threw, and it was reported; the exchange must end with INTERNAL_ERROR. */
  constructor(onThrown: (exchange: H2Exchange) => void) {
    this.#onThrown = onThrown;
  }

  head(exchange: H2Exchange, head: Head, ends: boolean): void {
    try {
      exchange.handler.onHead(exchange, head, ends);
    } catch (error) {
      this.#threw(exchange, error);
    }
  }

  data(exchange: H2Exchange, bytes: Bytes, ends: boolean): void {
    try {
      exchange.handler.onData(exchange, bytes, ends);
    } catch (error) {
      this.#threw(exchange, error);
    }
  }

  trailers(exchange: H2Exchange, trailers: Head): void {
    try {
      exchange.handler.onTrailers(exchange, trailers);
    } catch (error) {
      this.#threw(exchange, error);
    }
  }

  drained(exchange: H2Exchange): void {
    try {
      exchange.handler.onDrain(exchange);
    } catch (error) {
      this.#threw(exchange, error);
    }
  }

  /** Once; not at all when the user reset it. */
  close(exchange: H2Exchange, code: ErrorCode): void {
    if (exchange.is(State.CLOSED)) return;
    exchange.state |= State.CLOSED;
    try {
      exchange.handler.onClose(exchange, code);
    } catch (error) {
      this.report(exchange, error);
    }
  }

  report(exchange: H2Exchange, error: unknown): void {
    try {
      exchange.handler.onError?.(exchange, error);
    } catch {
      // Who throws while hearing of an error has been told all there is.
    }
  }

  #threw(exchange: H2Exchange, error: unknown): void {
    this.report(exchange, error);
    this.#onThrown(exchange);
  }
}

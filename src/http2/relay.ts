import type { Exchange, ExchangeHandler, SessionHandler } from "./exchange.ts";
import { defaultLimits } from "./limits.ts";
import { RelayCall, type RelayCore } from "./relay-call.ts";
import type { RelayPolicy, RelayTarget } from "./relay-policy.ts";
import { TimerWheel } from "./timer-wheel.ts";

export type { RelayCall } from "./relay-call.ts";
export type { RelayFailure, RelayOutcome, RelayPolicy, RelayTarget } from "./relay-policy.ts";

export interface RelayOptions {
  /** Not read: deadlines are monotonic. */
  readonly nowMs?: () => number;
  /** See `Limits.replayBytes`. */
  readonly replayBytes?: number;
}

/**
 * Joins a caller's exchange to one with an upstream: heads, data and trailers both ways as they come, back-pressure,
 * cancels with their code, early answers, one retry where it is safe, deadline and silence. It knows no gRPC.
 */
export interface Relay<C> extends Disposable {
  /**
   * All but onHead and onEnd of a server's SessionHandler<RelayCall<C> | undefined>; an exchange whose `own` is
   * undefined was answered on the spot: its request is drained and credited.
   */
  readonly downstream: Omit<SessionHandler<RelayCall<C> | undefined>, "onHead" | "onEnd">;
  /** To be called in the server's onHead, or later as long as nothing of the request was taken. */
  forward(
    exchange: Exchange<RelayCall<C> | undefined>,
    requestEnded: boolean,
    call: C,
    target: RelayTarget,
  ): void;
}

/** Make the joint of a gateway or a front. Disposing stops its timer; exchanges end with their sessions. */
export function createRelay<C>(policy: RelayPolicy<C>, options: RelayOptions = {}): Relay<C> {
  const wheel = new TimerWheel();
  const core: RelayCore<C> = {
    policy,
    wheel,
    replayBytes: options.replayBytes ?? defaultLimits.replayBytes,
    upstream: upstreamHandler<C>(),
  };
  return {
    downstream: downstreamHandler<C>(),
    forward(exchange, requestEnded, call, target) {
      const relayed = new RelayCall(core, exchange, requestEnded, call, target);
      exchange.own = relayed;
      relayed.connect();
    },
    [Symbol.dispose]: () => wheel[Symbol.dispose](),
  };
}

function downstreamHandler<C>(): Relay<C>["downstream"] {
  return {
    onData(exchange, bytes, end) {
      if (exchange.own === undefined) exchange.release(bytes.length);
      else exchange.own.onDownData(bytes, end);
    },
    onTrailers(exchange, trailers) {
      exchange.own?.onDownTrailers(trailers);
    },
    onDrain(exchange) {
      exchange.own?.onDownDrain();
    },
    onClose(exchange, code) {
      exchange.own?.onDownClose(code);
    },
    onError(exchange, error) {
      exchange.own?.crash(error);
    },
  };
}

function upstreamHandler<C>(): ExchangeHandler<RelayCall<C>> {
  return {
    onHead(exchange, head, end) {
      exchange.own.onUpHead(head, end);
    },
    onData(exchange, bytes, end) {
      exchange.own.onUpData(bytes, end);
    },
    onTrailers(exchange, trailers) {
      exchange.own.onUpTrailers(trailers);
    },
    onDrain(exchange) {
      exchange.own.onUpDrain();
    },
    onClose(exchange, code) {
      exchange.own.onUpClose(code);
    },
    onError(exchange, error) {
      exchange.own.crash(error);
    },
  };
}

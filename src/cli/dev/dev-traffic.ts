import type { TrafficEvent } from "../../rejection/traffic.ts";
import { FirstCalls } from "./first-calls.ts";
import { CallJoiner, type JoinedCall } from "./joined-call.ts";
import { TrafficRing } from "./traffic-ring.ts";

/** All hops' events of one dev: kept for questions, counted at first, then told a call at a time. */
export class DevTraffic implements Disposable {
  readonly ring = new TrafficRing();
  readonly firstCalls = new FirstCalls();
  readonly #joiner: CallJoiner;
  readonly #nowMs: () => number;
  /** Calls that began later are told. */
  #tellFromMs = Number.POSITIVE_INFINITY;

  constructor(tell: (call: JoinedCall) => void, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#joiner = new CallJoiner((call) => {
      if (call.outer.startedAtMs >= this.#tellFromMs) tell(call);
    });
  }

  add(event: TrafficEvent): void {
    this.ring.add(event);
    this.#joiner.add(event);
    if (event.startedAtMs < this.#tellFromMs) this.firstCalls.add(event);
  }

  /** The first calls are over. */
  tellFromNow(): void {
    this.#tellFromMs = this.#nowMs();
  }

  [Symbol.dispose](): void {
    this.#joiner[Symbol.dispose]();
  }
}

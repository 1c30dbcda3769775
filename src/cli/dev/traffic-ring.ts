import type { TrafficEvent } from "../../rejection/traffic.ts";

/** How many calls are remembered. */
const MAX_TRACES = 1000;
/** How many hops of one call: a trace id that is used for many calls fills no memory. */
const MAX_EVENTS_A_TRACE = 32;

/** The last calls' events by trace id, for who asks "what happened to my call". */
export class TrafficRing {
  readonly #events = new Map<string, TrafficEvent[]>();
  readonly #waiting = new Set<(traceId: string) => void>();

  add(event: TrafficEvent): void {
    const { traceId } = event;
    if (traceId === undefined) return;
    const events = this.#events.get(traceId) ?? [];
    if (events.length < MAX_EVENTS_A_TRACE) events.push(event);
    this.#events.delete(traceId);
    this.#events.set(traceId, events);
    for (const oldest of this.#events.keys()) {
      if (this.#events.size <= MAX_TRACES) break;
      this.#events.delete(oldest);
    }
    for (const wake of [...this.#waiting]) wake(traceId);
  }

  get(traceId: string): readonly TrafficEvent[] {
    return this.#events.get(traceId) ?? [];
  }

  /** The call's events once the hop that refused it told why, or when `waitMs` are over: hops report at their own pace. */
  async untilTold(traceId: string, waitMs: number): Promise<readonly TrafficEvent[]> {
    const told = Promise.withResolvers<void>();
    const look = (id: string) => {
      if (id === traceId && this.get(traceId).some(({ rejection }) => rejection !== undefined))
        told.resolve();
    };
    const timer = setTimeout(told.resolve, waitMs);
    this.#waiting.add(look);
    try {
      look(traceId);
      await told.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
    return this.get(traceId);
  }
}

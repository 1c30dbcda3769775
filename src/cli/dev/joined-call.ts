import type { Hop, Rejection } from "../../rejection/rejection.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";

/** One RPC as all its hops saw it. */
export interface JoinedCall {
  readonly traceId: string | undefined;
  /** In the order a call passes them: gateway, cloud-run, server. */
  readonly events: readonly TrafficEvent[];
  /** What the caller met first. */
  readonly outer: TrafficEvent;
  /** Who called, as the hop nearest to the service proved it. */
  readonly principal: string | undefined;
  /** The hop that refused it, if one did. */
  readonly rejection: Rejection | undefined;
}

const order: readonly Hop[] = ["client", "gateway", "cloud-run", "server"];

/** How long hops may report after the first one did: the server's report comes through a log. */
const SETTLE_MS = 300;
/** Calls that wait for a hop's report; the oldest of more is told as it is. */
const MAX_OPEN = 1000;

/** Joins the hops' events of one call by trace id, and tells the call once. */
export class CallJoiner implements Disposable {
  readonly #tell: (call: JoinedCall) => void;
  readonly #open = new Map<string, { events: TrafficEvent[]; timer: NodeJS.Timeout }>();

  constructor(tell: (call: JoinedCall) => void) {
    this.#tell = tell;
  }

  add(event: TrafficEvent): void {
    const { traceId } = event;
    if (traceId === undefined) {
      this.#tell(joined([event]));
      return;
    }
    const key = `${traceId} ${event.path}`;
    let call = this.#open.get(key);
    // A trace may hold several calls of one method: the second event of a hop is the next call's.
    if (call?.events.some(({ hop }) => hop === event.hop)) {
      this.#close(key);
      call = undefined;
    }
    if (call === undefined) {
      call = { events: [], timer: setTimeout(() => this.#close(key), SETTLE_MS) };
      this.#open.set(key, call);
      const [oldest] = this.#open.keys();
      if (this.#open.size > MAX_OPEN && oldest !== undefined) this.#close(oldest);
    }
    call.events.push(event);
    if (isWhole(call.events)) this.#close(key);
  }

  /** Tell what is still open, as it is. */
  [Symbol.dispose](): void {
    for (const key of [...this.#open.keys()]) this.#close(key);
  }

  #close(key: string): void {
    const call = this.#open.get(key);
    if (call === undefined) return;
    clearTimeout(call.timer);
    this.#open.delete(key);
    this.#tell(joined(call.events));
  }
}

/** Every hop reported, or those up to the one that refused. A call that went past the gateway waits for the time to be over. */
function isWhole(events: readonly TrafficEvent[]): boolean {
  const has = (hop: Hop) => events.some((event) => event.hop === hop);
  if (!has("gateway")) return false;
  const refusedBy = events.find(({ rejection }) => rejection !== undefined)?.hop;
  switch (refusedBy) {
    case "gateway":
      return true;
    case "cloud-run":
      return has("gateway");
    default:
      return has("cloud-run") && has("server");
  }
}

function joined(unordered: readonly TrafficEvent[]): JoinedCall {
  const events = unordered.toSorted((a, b) => order.indexOf(a.hop) - order.indexOf(b.hop));
  const [outer] = events;
  if (outer === undefined) throw new Error("a call without an event");
  const own = events.find(({ hop }) => hop === "server") ?? outer;
  return {
    traceId: outer.traceId,
    events,
    outer,
    principal: own.principal ?? outer.principal,
    rejection: events.find(({ rejection }) => rejection !== undefined)?.rejection,
  };
}

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Transport } from "@connectrpc/connect";
import { endOfCall } from "./refusal.ts";
import type { TestedMethod } from "./services.ts";

/** How one call of the load ended. */
export interface LoadedCall {
  readonly traceId: string;
  readonly kind: TestedMethod["kind"];
  readonly code: number | undefined;
  readonly message: string;
}

/** Calls that follow one another, by several callers at once, until stopped. */
export interface Load {
  readonly calls: readonly LoadedCall[];
  /** Begin no more; resolves with all of them when the last has ended. */
  stop(): Promise<readonly LoadedCall[]>;
}

const CALLERS = 4;
/** Between two calls of a caller, milliseconds: what comes and goes meanwhile needs the processor too. */
const PAUSE_MS = 20;

/** Each caller makes every kind of call in turn. */
export function startLoad(transport: Transport, methods: readonly TestedMethod[]): Load {
  const calls: LoadedCall[] = [];
  let isStopped = false;
  const caller = async (): Promise<void> => {
    for (let n = 0; !isStopped; n++) {
      const method = methods[n % methods.length];
      if (method === undefined) return;
      const traceId = randomBytes(16).toString("hex");
      const headers = { traceparent: `00-${traceId}-${traceId.slice(16)}-01` };
      const { code, message } = await endOfCall(method.call(transport, { headers }));
      calls.push({ traceId, kind: method.kind, code, message });
      await delay(PAUSE_MS);
    }
  };
  const all = Promise.all(Array.from({ length: CALLERS }, caller));
  return {
    calls,
    async stop() {
      isStopped = true;
      await all;
      return calls;
    },
  };
}

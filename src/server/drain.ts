import { setTimeout as wait } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import type { Http1Front } from "./http1-front.ts";
import type { Http2Call } from "./http2-call.ts";
import type { Listener } from "./listener.ts";
import type { Sessions } from "./sessions.ts";

/** What is open on a server. */
export interface Open {
  readonly listener: Listener;
  readonly sessions: Sessions;
  readonly calls: ReadonlySet<Http2Call>;
  readonly http1: Http1Front;
}

/** How long the last answers may take to leave. */
const LAST_WORDS_MS = 500;

/**
 * End a server: accept no more, let calls in flight end for up to `drainMs`, answer the rest with UNAVAILABLE. Returns
 * how many calls were cut.
 */
export async function drain(open: Open, drainMs: number): Promise<number> {
  const closed = open.listener.close();
  open.sessions.drain();
  open.http1.drain();
  await within(drainMs, closed);
  const cut = open.calls.size;
  if (cut > 0) {
    for (const call of open.calls) call.fail(Code.Unavailable, "the server is shutting down");
    await within(LAST_WORDS_MS, closed);
  }
  open.sessions.destroy();
  open.listener.destroyConnections();
  await closed;
  return cut;
}

async function within(limitMs: number, done: Promise<void>): Promise<void> {
  const timer = new AbortController();
  const late = wait(limitMs, undefined, { signal: timer.signal }).catch(() => {});
  await Promise.race([done, late]);
  timer.abort();
}

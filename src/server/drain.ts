import { constants, type ServerHttp2Session } from "node:http2";
import { setTimeout as wait } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import type { Http1Front } from "./http1-front.ts";
import type { Http2Call } from "./http2-call.ts";
import type { Listener } from "./listener.ts";

/** What is open on a server. */
export interface Open {
  readonly listener: Listener;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  readonly calls: ReadonlySet<Http2Call>;
  readonly http1: Http1Front;
}

/** The highest stream id: a GOAWAY that says only that another one will come. RFC 9113, 6.8 */
const ANY_STREAM = 2 ** 31 - 1;
/** How long a client may take to answer the PING behind the first GOAWAY. */
const GOAWAY_SEEN_MS = 1000;
/** How long the last answers may take to leave. */
const LAST_WORDS_MS = 500;

/**
 * End a server: accept no more, let calls in flight end for up to `drainMs`, answer the rest with UNAVAILABLE. A
 * client that opens a stream before it has seen the GOAWAY is still served; after it, none is accepted. Returns how
 * many calls were cut.
 */
export async function drain(open: Open, drainMs: number): Promise<number> {
  const closed = open.listener.close();
  for (const session of open.sessions) drainSession(session);
  open.http1.drain();
  await within(drainMs, closed);
  const cut = open.calls.size;
  if (cut > 0) {
    for (const call of open.calls) call.fail(Code.Unavailable, "the server is shutting down");
    await within(LAST_WORDS_MS, closed);
  }
  for (const session of open.sessions) session.destroy();
  open.listener.destroyConnections();
  await closed;
  return cut;
}

function drainSession(session: ServerHttp2Session): void {
  if (session.closed || session.destroyed) return;
  session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM);
  const close = (): void => {
    clearTimeout(timer);
    session.off("close", close);
    // Sends the last stream's id in a second GOAWAY, and ends the connection after the last stream.
    if (!session.closed && !session.destroyed) session.close();
  };
  const timer = setTimeout(close, GOAWAY_SEEN_MS);
  session.once("close", close);
  session.ping(close);
}

async function within(limitMs: number, done: Promise<void>): Promise<void> {
  const timer = new AbortController();
  const late = wait(limitMs, undefined, { signal: timer.signal }).catch(() => {});
  await Promise.race([done, late]);
  timer.abort();
}

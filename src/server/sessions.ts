import { constants, type ServerHttp2Session } from "node:http2";

/** The highest stream id: a GOAWAY that says only that another one will come. RFC 9113, 6.8 */
const ANY_STREAM = 2 ** 31 - 1;
/** How long a client may take to answer the PING behind the first GOAWAY. */
const GOAWAY_SEEN_MS = 1000;

/** The HTTP/2 connections of one server, each with the number of its open calls. */
export class Sessions {
  readonly #calls = new Map<ServerHttp2Session, number>();
  readonly #timers = new Map<ServerHttp2Session, NodeJS.Timeout>();
  #isDraining = false;

  add(session: ServerHttp2Session): void {
    this.#calls.set(session, 0);
    session.on("error", () => {}); // its streams tell
    session.once("close", () => {
      this.#calls.delete(session);
      clearTimeout(this.#timers.get(session));
      this.#timers.delete(session);
    });
    // Accepted just before the server stopped.
    if (this.#isDraining) this.#drainOne(session);
  }

  callStarted(session: ServerHttp2Session): void {
    this.#calls.set(session, (this.#calls.get(session) ?? 0) + 1);
  }

  callEnded(session: ServerHttp2Session): void {
    const left = (this.#calls.get(session) ?? 1) - 1;
    if (!this.#calls.has(session)) return;
    this.#calls.set(session, left);
    // Node reads no further on a connection with GOAWAY and without streams: the PING's answer would never be seen.
    if (this.#isDraining && left === 0) close(session);
  }

  /**
   * Say GOAWAY on each: a client that opens a stream before it has seen it is still served, then none is accepted; the
   * connection ends with its last call. Streams beyond the last accepted one are the client's to retry elsewhere.
   */
  drain(): void {
    this.#isDraining = true;
    for (const session of this.#calls.keys()) this.#drainOne(session);
  }

  destroy(): void {
    for (const session of this.#calls.keys()) session.destroy();
  }

  #drainOne(session: ServerHttp2Session): void {
    if (this.#calls.get(session) === 0) {
      close(session);
      return;
    }
    if (session.closed || session.destroyed) return;
    session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM);
    this.#timers.set(session, setTimeout(close, GOAWAY_SEEN_MS, session));
    session.ping(() => close(session));
  }
}

/** A second GOAWAY, with the last stream's id; the connection ends after that stream. */
function close(session: ServerHttp2Session): void {
  if (!session.closed && !session.destroyed) session.close();
}

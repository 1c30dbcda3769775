import type { Bytes } from "./exchange.ts";
import { Flag, FRAME_BYTES, FRAME_HEADER_BYTES, FrameType, INITIAL_WINDOW } from "./frames.ts";
import type { H2Exchange } from "./h2-exchange.ts";
import type { Head } from "./head.ts";
import { asHpackFields, Encoder } from "./hpack/encoder.ts";
import type { HpackField } from "./hpack/hpack-field.ts";
import { type Output, putFrameHeader } from "./output.ts";
import { SendQueue } from "./send-queue.ts";

/** Longer frames than this we do not send, whatever the peer allows: others' turns come sooner. */
const LARGEST_SENT_BYTES = FRAME_BYTES;

export interface SendOwner {
  /** END_STREAM of that exchange was written. */
  onSentEnd(exchange: H2Exchange): void;
  /** All that it had queued has left, perhaps also its end. */
  onSent(exchange: H2Exchange): void;
}

/**
 * The sending side of a connection: what may leave by the peer's windows and by what the socket takes; and what has to
 * wait, in turn, a frame each.
 */
export class SendSide {
  readonly output: Output;
  readonly encoder = new Encoder();
  /** The connection's window. */
  window = INITIAL_WINDOW;
  /** The window of new exchanges, by the peer's SETTINGS. */
  initialWindow = INITIAL_WINDOW;
  readonly #owner: SendOwner;
  readonly #outputBytes: number;
  /** Exchanges that wait for the connection's window or the socket, not for their own window. */
  readonly #waiting = new Set<H2Exchange>();

  constructor(output: Output, owner: SendOwner, outputBytes: number) {
    this.output = output;
    this.#owner = owner;
    this.#outputBytes = outputBytes;
  }

  get isStalled(): boolean {
    return this.output.backlog > this.#outputBytes;
  }

  /** HEADERS, now. Throws a TypeError for a field no header may look like; nothing was written then. */
  head(exchange: H2Exchange, head: Head, end: boolean): void {
    const { output, encoder } = this;
    const flags = end ? Flag.END_HEADERS | Flag.END_STREAM : Flag.END_HEADERS;
    const fields = asHpackFields(head);
    const room = encoder.room(fields);
    if (room > FRAME_BYTES) {
      this.#longHead(exchange.id, fields, flags, room);
    } else {
      const chunk = output.reserve(FRAME_HEADER_BYTES + room);
      const from = output.at + FRAME_HEADER_BYTES;
      const to = encoder.encode(fields, chunk, from);
      putFrameHeader(chunk, output.at, to - from, FrameType.HEADERS, flags, exchange.id);
      output.advance(FRAME_HEADER_BYTES + to - from);
    }
    if (end) this.#owner.onSentEnd(exchange);
  }

  /** Trailers, behind what is queued. */
  trailers(exchange: H2Exchange, head: Head): void {
    if (exchange.queue === undefined) this.head(exchange, head, true);
    // Now, where the caller hears of it: when they leave nobody is there to.
    else exchange.queue.trailers = asHpackFields(head);
  }

  /** DATA. False: not all of it could leave. */
  data(exchange: H2Exchange, bytes: Bytes, end: boolean): boolean {
    const { length } = bytes;
    if (exchange.queue === undefined) {
      const fits =
        length <= exchange.sendWindow &&
        length <= this.window &&
        this.output.backlog + length <= this.#outputBytes;
      if (fits || length === 0) {
        exchange.sendWindow -= length;
        this.window -= length;
        let from = 0;
        for (; length - from > LARGEST_SENT_BYTES; from += LARGEST_SENT_BYTES) {
          this.output.data(exchange.id, bytes, from, from + LARGEST_SENT_BYTES, 0);
        }
        if (length > 0 || end) {
          this.output.data(exchange.id, bytes, from, length, end ? Flag.END_STREAM : 0);
        }
        if (end) this.#owner.onSentEnd(exchange);
        return true;
      }
      exchange.queue = new SendQueue();
    }
    const { queue } = exchange;
    queue.push(bytes);
    queue.ends = end;
    // What may leave now; behind what waits already nothing may.
    if (queue.bytes === length) {
      while (this.window > 0 && !this.isStalled && this.#sendOne(exchange));
      if (exchange.queue === undefined) return true;
    }
    if (exchange.sendWindow > 0) this.#waiting.add(exchange);
    return false;
  }

  /** The connection's window or the socket's backlog may allow more now. */
  resume(): void {
    if (this.#waiting.size === 0) return;
    // An exchange that sent goes to the end of the set, where this loop meets it again: a frame each, in turn.
    for (const exchange of this.#waiting) {
      if (this.window <= 0 || this.isStalled) return;
      this.#waiting.delete(exchange);
      if (this.#sendOne(exchange)) this.#waiting.add(exchange);
      else if (exchange.queue === undefined) this.#owner.onSent(exchange);
    }
  }

  /** The window of one exchange became larger. */
  resumeOne(exchange: H2Exchange): void {
    if (exchange.queue === undefined || exchange.sendWindow <= 0) return;
    this.#waiting.add(exchange);
    this.resume();
  }

  /** It is over: what it had queued does not leave. */
  forget(exchange: H2Exchange): void {
    if (exchange.queue === undefined) return;
    exchange.queue = undefined;
    this.#waiting.delete(exchange);
  }

  /** One frame of a queue. False: it has none, or must wait for its own window. */
  #sendOne(exchange: H2Exchange): boolean {
    const { queue } = exchange;
    if (queue === undefined) return false;
    const { chunk, from } = queue;
    const left = (chunk?.length ?? 0) - from;
    const most = Math.min(left, exchange.sendWindow, this.window, LARGEST_SENT_BYTES);
    if (most <= 0 && left > 0) return false;
    const isLast = most === queue.bytes;
    if (chunk !== undefined) {
      const ends = isLast && queue.ends;
      this.output.data(exchange.id, chunk, from, from + most, ends ? Flag.END_STREAM : 0);
      exchange.sendWindow -= most;
      this.window -= most;
      queue.take(most);
    }
    if (!isLast) return exchange.sendWindow > 0;
    exchange.queue = undefined;
    if (queue.ends) this.#owner.onSentEnd(exchange);
    else if (queue.trailers !== undefined) this.head(exchange, queue.trailers, true);
    return false;
  }

  /** A header block that may need more than one frame. */
  #longHead(id: number, head: readonly HpackField[], flags: number, room: number): void {
    const block = Buffer.allocUnsafeSlow(room);
    const length = this.encoder.encode(head, block, 0);
    let from = 0;
    do {
      const to = Math.min(length, from + LARGEST_SENT_BYTES);
      const type = from === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const endHeaders = to === length ? Flag.END_HEADERS : 0;
      const endStream = from === 0 ? flags & Flag.END_STREAM : 0;
      const at = this.output.frame(to - from, type, endHeaders | endStream, id);
      block.copy(this.output.chunk, at, from, to);
      from = to;
    } while (from < length);
  }
}

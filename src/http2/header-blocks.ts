import { Flag } from "./frames.ts";
import type { Limits } from "./limits.ts";

const NOTHING = Buffer.alloc(0);

/** A fault in how a header block was framed. */
export type BlockFault = "padding" | "priority" | "too large" | "flood";

/** Puts a HEADERS frame and its CONTINUATIONs together. */
export class HeaderBlocks {
  readonly #limits: Limits;
  /** The exchange whose block is not whole; 0: none. */
  openId = 0;
  /** The block, once it is whole: whose it is, whether its HEADERS frame ended the exchange, and where it stands. */
  id = 0;
  ends = false;
  bytes: Buffer = NOTHING;
  at = 0;
  end = 0;
  /** The priority that its HEADERS frame named depends on itself. */
  isSelfDependent = false;
  #collected: Buffer | undefined;
  #length = 0;
  #continuations = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** A HEADERS frame. "open": CONTINUATION follows. */
  begin(
    flags: number,
    id: number,
    payload: Buffer,
    at: number,
    end: number,
  ): BlockFault | "open" | "whole" {
    if ((flags & Flag.PADDED) !== 0) {
      if (at === end) return "padding";
      end -= payload[at++] ?? 0;
    }
    this.isSelfDependent = false;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - at < 5) return "priority";
      this.isSelfDependent = (payload.readUInt32BE(at) & 0x7fffffff) === id;
      at += 5;
    }
    if (at > end) return "padding";
    this.id = id;
    this.ends = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.bytes = payload;
      this.at = at;
      this.end = end;
      return "whole";
    }
    this.openId = id;
    this.#continuations = 0;
    this.#length = 0;
    return this.#append(payload, at, end) ?? "open";
  }

  /** A CONTINUATION frame of `openId`. */
  continue(flags: number, payload: Buffer, at: number, end: number): BlockFault | "open" | "whole" {
    this.#continuations++;
    if (this.#continuations > this.#limits.continuations) return "flood";
    const fault = this.#append(payload, at, end);
    if (fault !== undefined) return fault;
    if ((flags & Flag.END_HEADERS) === 0) return "open";
    this.bytes = this.#collected ?? payload;
    this.at = 0;
    this.end = this.#length;
    this.openId = 0;
    this.#collected = undefined;
    return "whole";
  }

  /** The block was decoded. */
  forget(): void {
    this.bytes = NOTHING;
  }

  #append(payload: Buffer, at: number, end: number): BlockFault | undefined {
    const length = this.#length + end - at;
    if (length > this.#limits.blockBytes) return "too large";
    let bytes = this.#collected;
    if (bytes === undefined || bytes.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, Math.min(length * 2, 1 << 16)));
      bytes?.copy(larger, 0, 0, this.#length);
      bytes = larger;
      this.#collected = bytes;
    }
    payload.copy(bytes, this.#length, at, end);
    this.#length = length;
    return undefined;
  }
}

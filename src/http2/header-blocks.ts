import { Flag } from "./frames.ts";
import type { Limits } from "./limits.ts";

/** A fault in how a header block was framed. */
export type BlockFault = "padding" | "priority" | "too large" | "flood";

/** A whole header block, as its HEADERS frame began. */
export interface HeaderBlock {
  readonly id: number;
  readonly ends: boolean;
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
  /** The priority it names depends on itself. */
  readonly isSelfDependent: boolean;
}

/** Puts a HEADERS frame and its CONTINUATIONs together. */
export class HeaderBlocks {
  readonly #limits: Limits;
  /** The exchange whose block is not whole; 0: none. */
  openId = 0;
  #ends = false;
  #isSelfDependent = false;
  #bytes: Buffer | undefined;
  #length = 0;
  #continuations = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** A HEADERS frame. Undefined: CONTINUATION follows. */
  begin(
    flags: number,
    id: number,
    payload: Buffer,
    at: number,
    end: number,
  ): HeaderBlock | BlockFault | undefined {
    if ((flags & Flag.PADDED) !== 0) {
      if (at === end) return "padding";
      end -= payload[at++] ?? 0;
    }
    let isSelfDependent = false;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - at < 5) return "priority";
      isSelfDependent = (payload.readUInt32BE(at) & 0x7fffffff) === id;
      at += 5;
    }
    if (at > end) return "padding";
    const ends = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      return { id, ends, bytes: payload, at, end, isSelfDependent };
    }
    this.openId = id;
    this.#ends = ends;
    this.#isSelfDependent = isSelfDependent;
    this.#continuations = 0;
    this.#length = 0;
    return this.#append(payload, at, end);
  }

  /** A CONTINUATION frame of `openId`. */
  continue(
    flags: number,
    payload: Buffer,
    at: number,
    end: number,
  ): HeaderBlock | BlockFault | undefined {
    this.#continuations++;
    if (this.#continuations > this.#limits.continuations) return "flood";
    const fault = this.#append(payload, at, end);
    if (fault !== undefined) return fault;
    if ((flags & Flag.END_HEADERS) === 0) return undefined;
    const id = this.openId;
    const bytes = this.#bytes ?? payload;
    const block = {
      id,
      ends: this.#ends,
      bytes,
      at: 0,
      end: this.#length,
      isSelfDependent: this.#isSelfDependent,
    };
    this.openId = 0;
    this.#bytes = undefined;
    return block;
  }

  #append(payload: Buffer, at: number, end: number): BlockFault | undefined {
    const length = this.#length + end - at;
    if (length > this.#limits.blockBytes) return "too large";
    let bytes = this.#bytes;
    if (bytes === undefined || bytes.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, Math.min(length * 2, 1 << 16)));
      bytes?.copy(larger, 0, 0, this.#length);
      bytes = larger;
      this.#bytes = bytes;
    }
    payload.copy(bytes, this.#length, at, end);
    this.#length = length;
    return undefined;
  }
}

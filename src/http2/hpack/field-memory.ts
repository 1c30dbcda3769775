import type { HpackField } from "./hpack-field.ts";

const SLOTS = 16;
/** Raw bytes that one connection remembers at most. Against: clients whose values stay in memory. */
const MOST_BYTES = 8 * 1024;
/** Bytes of a value's end that tell it from others: tokens often differ in their signature only. */
const TELLING_BYTES = 4;

/**
 * Literals that a peer sends again and again outside its table (tokens above all), by the bytes they came in: the
 * second time the same bytes give the same field, without decoding. Remembered from the second time on, so that what
 * changes on every call costs nothing. Belongs to one connection and goes with it.
 */
export class FieldMemory {
  readonly #fields: (HpackField | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #raw: (Uint8Array | undefined)[] = new Array(SLOTS).fill(undefined);
  /** Digest of what came last to each slot. */
  readonly #seen: number[] = new Array(SLOTS).fill(0);
  #bytes = 0;
  /** Digest of what was looked for last. */
  #mark = 0;

  /** The field of that name, sensitivity and raw value (length octets included), if it is remembered. */
  find(
    name: string,
    sensitive: boolean,
    source: Buffer,
    at: number,
    end: number,
  ): HpackField | undefined {
    const mark = digest(source, at, end);
    this.#mark = mark;
    const slot = mark % SLOTS;
    const raw = this.#raw[slot];
    const field = this.#fields[slot];
    if (raw === undefined || field === undefined || raw.length !== end - at) return undefined;
    if (field.name !== name || field.sensitive !== sensitive) return undefined;
    return source.compare(raw, 0, raw.length, at, end) === 0 ? field : undefined;
  }

  /** Notes that the bytes that were looked for last meant that field. */
  remember(field: HpackField, source: Buffer, at: number, end: number): void {
    const mark = this.#mark;
    const slot = mark % SLOTS;
    if (this.#seen[slot] !== mark) {
      this.#seen[slot] = mark;
      return;
    }
    const length = end - at;
    const before = this.#raw[slot]?.length ?? 0;
    if (this.#bytes - before + length > MOST_BYTES) return;
    this.#bytes += length - before;
    const raw = Buffer.allocUnsafeSlow(length);
    source.copy(raw, 0, at, end);
    this.#raw[slot] = raw;
    this.#fields[slot] = field;
  }
}

/** Cheap: equality is checked on the bytes themselves. A small positive integer, so that no number is allocated. */
function digest(source: Buffer, at: number, end: number): number {
  let mark = end - at;
  for (let nth = end > at + TELLING_BYTES ? end - TELLING_BYTES : at; nth < end; nth++) {
    mark = Math.imul(mark ^ (source[nth] ?? 0), 0x01000193);
  }
  return (mark ^ (mark >>> 16)) & 0x3fffffff;
}

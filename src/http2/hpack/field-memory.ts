import type { HpackField } from "./hpack-field.ts";

const SLOTS = 16;
/** Shorter values are decoded faster than found. */
const SHORTEST = 4;
/** Raw bytes that one connection remembers at most. Against: clients whose values stay in memory. */
const MOST_BYTES = 8 * 1024;

/**
 * Literals that a peer sends again and again outside its table (tokens above all), by the bytes they came in: the
 * second time the same bytes give the same field, without decoding. Remembered from the second time on, so that what
 * changes on every call costs nothing. Belongs to one connection and goes with it.
 */
export class FieldMemory {
  readonly #fields: (HpackField | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #raw: (Uint8Array | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #seen = new Uint32Array(SLOTS);
  #bytes = 0;

  /** The field of that name, sensitivity and raw value (length octets included), if it is remembered. */
  find(
    name: string,
    sensitive: boolean,
    source: Buffer,
    at: number,
    end: number,
  ): HpackField | undefined {
    const slot = digest(source, at, end) % SLOTS;
    const raw = this.#raw[slot];
    const field = this.#fields[slot];
    if (raw === undefined || field === undefined || raw.length !== end - at) return undefined;
    if (field.name !== name || field.sensitive !== sensitive) return undefined;
    return source.compare(raw, 0, raw.length, at, end) === 0 ? field : undefined;
  }

  /** Notes that these bytes meant that field. */
  remember(field: HpackField, source: Buffer, at: number, end: number): void {
    const length = end - at;
    if (length < SHORTEST || length > MOST_BYTES) return;
    const mark = digest(source, at, end);
    const slot = mark % SLOTS;
    if (this.#seen[slot] !== mark) {
      this.#seen[slot] = mark;
      return;
    }
    const before = this.#raw[slot]?.length ?? 0;
    if (this.#bytes - before + length > MOST_BYTES) return;
    this.#bytes += length - before;
    const raw = Buffer.allocUnsafeSlow(length);
    source.copy(raw, 0, at, end);
    this.#raw[slot] = raw;
    this.#fields[slot] = field;
  }
}

/** Cheap, and different for tokens that differ only in their signature; equality is checked on the bytes themselves. */
function digest(source: Buffer, at: number, end: number): number {
  let mark = (end - at) * 0x01000193;
  for (let last = end > at + 8 ? end - 8 : at; last < end; last++) {
    mark = Math.imul(mark ^ (source[last] ?? 0), 0x01000193);
  }
  return (mark ^ (mark >>> 15)) >>> 0;
}

import type { HpackField } from "./hpack-field.ts";

/** Fields remembered: so many sets, each with so many ways. Literals that meet in a set must not push each other out for ever. */
const SETS = 4;
const WAYS = 4;
/** Digests of what came once lately: pairs of them, the newer first. */
const SEEN_PAIRS = 32;
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
  readonly #fields: (HpackField | undefined)[] = new Array(SETS * WAYS).fill(undefined);
  readonly #raw: (Uint8Array | undefined)[] = new Array(SETS * WAYS).fill(undefined);
  /** The way of each set that is replaced next, when all are taken. */
  readonly #next: number[] = new Array(SETS).fill(0);
  readonly #seen: number[] = new Array(SEEN_PAIRS * 2).fill(0);
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
    const from = (mark % SETS) * WAYS;
    for (let way = from; way < from + WAYS; way++) {
      const raw = this.#raw[way];
      const field = this.#fields[way];
      if (raw === undefined || field === undefined) return undefined; // filled in order
      if (raw.length !== end - at || field.name !== name || field.sensitive !== sensitive) continue;
      if (source.compare(raw, 0, raw.length, at, end) === 0) return field;
    }
    return undefined;
  }

  /** Notes that the bytes that were looked for last meant that field. */
  remember(field: HpackField, source: Buffer, at: number, end: number): void {
    const mark = this.#mark;
    if (!this.#wasSeen(mark)) return;
    const slot = this.#slotIn(mark % SETS);
    const length = end - at;
    const before = this.#raw[slot]?.length ?? 0;
    if (this.#bytes - before + length > MOST_BYTES) return;
    this.#bytes += length - before;
    const raw = Buffer.allocUnsafeSlow(length);
    source.copy(raw, 0, at, end);
    this.#raw[slot] = raw;
    this.#fields[slot] = field;
  }

  /** Whether that digest came a short while ago; from now on it did. */
  #wasSeen(mark: number): boolean {
    const seen = this.#seen;
    const newer = ((mark >>> 2) % SEEN_PAIRS) * 2;
    const before = seen[newer] ?? 0;
    if (before === mark || seen[newer + 1] === mark) return true;
    seen[newer + 1] = before;
    seen[newer] = mark;
    return false;
  }

  #slotIn(set: number): number {
    const from = set * WAYS;
    for (let way = from; way < from + WAYS; way++) if (this.#raw[way] === undefined) return way;
    const next = this.#next[set] ?? 0;
    this.#next[set] = (next + 1) % WAYS;
    return from + next;
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

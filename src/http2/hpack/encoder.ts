import type { Head } from "../head.ts";
import { fieldToSend, HpackField } from "./hpack-field.ts";
import { putInteger, putString } from "./put.ts";

/** What we use of a peer's table, bytes: it may allow more, we do not need it. */
const MOST_BYTES = 4096;
/** Longer values take no place in the table unless they are kept. */
const LONGEST_REPEATED = 512;
const STATIC_ENTRIES = 61;
/** Octets of two size updates. A field needs less than its size: prefix and two lengths are under 32 octets. */
const SPARE = 16;

/** Encoders are told apart by number, so that a field that outlives a connection holds nothing of it. */
let encoders = 0;

/** An entry of the table: its size, and its key in `#byContent` if it is found by content. */
interface Entry {
  readonly size: number;
  readonly key: string | undefined;
}

/**
 * The sending side of HPACK of one connection. What repeats goes into the dynamic table, where the peer knows it by one
 * octet or two: headers of gRPC that hardly change, while there is room, and fields made to be kept, when they come
 * again soon enough to be there still. A field that changes too often never pushes others out.
 */
export class Encoder {
  readonly #id = ++encoders;
  #mostBytes = MOST_BYTES;
  #tableBytes = 0;
  /** Oldest first. Entry n (counted from 1 over the connection's life) stands at n - #evicted - 1. */
  readonly #table: Entry[] = [];
  #inserted = 0;
  #evicted = 0;
  readonly #byContent = new Map<string, number>();
  /** Counts bytes of what wanted a place: how far apart two uses of a field are. */
  #clock = 0;
  /** Smallest and last limit that the peer has not been told of; -1: none. */
  #smallestUpdate = -1;
  #lastUpdate = -1;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  limit(bytes: number): void {
    const most = Math.min(bytes, MOST_BYTES);
    if (most === this.#mostBytes) return;
    this.#mostBytes = most;
    this.#smallestUpdate = this.#smallestUpdate < 0 ? most : Math.min(this.#smallestUpdate, most);
    this.#lastUpdate = most;
    this.#evict(most);
  }

  /** An upper bound of what `encode` writes for this head. */
  room(head: readonly HpackField[]): number {
    let bytes = SPARE;
    for (const { size } of head) bytes += size;
    return bytes;
  }

  /** Writes the header block of `head` into `out` at `at`, which has the room for it, and returns where it ends. */
  encode(head: readonly HpackField[], out: Buffer, at: number): number {
    if (this.#lastUpdate >= 0) {
      if (this.#smallestUpdate < this.#lastUpdate) {
        at = putInteger(out, at, 0x20, 0x1f, this.#smallestUpdate);
      }
      at = putInteger(out, at, 0x20, 0x1f, this.#lastUpdate);
      this.#smallestUpdate = -1;
      this.#lastUpdate = -1;
    }
    for (const field of head) at = this.#put(field, out, at);
    return at;
  }

  #put(field: HpackField, out: Buffer, at: number): number {
    if (field.staticIndex !== 0) {
      out[at] = 0x80 | field.staticIndex;
      return at + 1;
    }
    if (!field.sensitive && (field.keep || field.known.repeats)) {
      const place = this.#placeOf(field);
      if (place > 0)
        return putInteger(out, at, 0x80, 0x7f, this.#inserted - place + 1 + STATIC_ENTRIES);
      if (place < 0) return putLiteral(field, 0x40, 0x3f, out, at);
    }
    const stored = field.literal;
    if (stored !== undefined) {
      out.set(stored, at);
      return at + stored.length;
    }
    const end = putLiteral(field, field.sensitive ? 0x10 : 0, 0x0f, out, at);
    if (field.keep) {
      const literal = Buffer.allocUnsafeSlow(end - at);
      out.copy(literal, 0, at, end);
      field.literal = literal;
    }
    return end;
  }

  /** The number of the field's entry; 0: none; -1: it was given one now and must be sent as an insertion. */
  #placeOf(field: HpackField): number {
    const wasMet = field.encoderId === this.#id;
    if (wasMet && field.tableAt > this.#evicted) return field.tableAt;
    const place = field.keep ? this.#placeOfKept(field, wasMet) : this.#placeOfRepeated(field);
    field.encoderId = this.#id;
    field.tableAt = place < 0 ? this.#inserted : place;
    return place;
  }

  /** Worth a place only if it comes again before the table would have been filled by others. */
  #placeOfKept(field: HpackField, wasMet: boolean): number {
    const metAt = field.metAt;
    field.metAt = this.#clock;
    this.#clock += field.size;
    if (!wasMet || this.#clock - metAt > this.#mostBytes) return 0;
    return this.#insert(field.size, undefined);
  }

  #placeOfRepeated(field: HpackField): number {
    if (field.size > LONGEST_REPEATED) return 0;
    const key = `${field.name}:${field.value}`;
    const place = this.#byContent.get(key);
    if (place !== undefined) return place;
    // Known to come again, or there is room without pushing anything out.
    const comesAgain = field.encoderId === this.#id;
    if (!comesAgain && this.#tableBytes + field.size > this.#mostBytes) return 0;
    return this.#insert(field.size, key);
  }

  #insert(size: number, key: string | undefined): number {
    if (size > this.#mostBytes) return 0;
    this.#evict(this.#mostBytes - size);
    this.#table.push({ size, key });
    this.#tableBytes += size;
    this.#inserted++;
    if (key !== undefined) this.#byContent.set(key, this.#inserted);
    return -1;
  }

  #evict(bytes: number): void {
    while (this.#tableBytes > bytes) {
      const oldest = this.#table.shift();
      if (oldest === undefined) return;
      this.#evicted++;
      this.#tableBytes -= oldest.size;
      if (oldest.key !== undefined) this.#byContent.delete(oldest.key);
    }
  }
}

/**
 * Fields of other origin (HTTP/1.1, node:http2, by hand) are checked and described here, before anything of the head
 * is encoded: an encoder that stops half-way is out of step. Throws a TypeError for a field no header may look like.
 */
export function asHpackFields(head: Head): readonly HpackField[] {
  for (const field of head) {
    if (!(field instanceof HpackField)) {
      return head.map((each) =>
        each instanceof HpackField
          ? each
          : fieldToSend(each.name, each.value, { sensitive: each.sensitive }),
      );
    }
  }
  return head as readonly HpackField[];
}

/** A literal with that prefix; never Huffman-coded: bytes are cheaper than the peer's time to decode them. */
function putLiteral(
  field: HpackField,
  prefix: number,
  mask: number,
  out: Buffer,
  at: number,
): number {
  const { known } = field;
  at = putInteger(out, at, prefix, mask, known.staticIndex);
  if (known.staticIndex === 0) at = putString(out, at, known.name);
  return putString(out, at, field.value);
}

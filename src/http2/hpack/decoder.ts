import { FieldMemory } from "./field-memory.ts";
import { HeaderList } from "./header-list.ts";
import { type HeaderName, headerName } from "./header-name.ts";
import { HpackError } from "./hpack-error.ts";
import { HpackField } from "./hpack-field.ts";
import { huffmanDecode } from "./huffman.ts";
import { STATIC_FIELDS } from "./static-fields.ts";

/** What we let peers keep in our table, bytes: HTTP/2's default, which we do not change. */
export const TABLE_BYTES = 4096;
const STATIC_ENTRIES = 61;
/** Coded values of this length, a token's, are looked for even if they went through the table and were evicted. */
const LONG_BYTES = 64;

export interface DecoderLimits {
  readonly headerBytes: number;
  readonly headerFields: number;
}

/**
 * The receiving side of HPACK of one connection. The same table entry, and the same raw bytes of a literal that came
 * before, give the same HpackField. Nothing of it outlives the connection.
 */
export class Decoder {
  readonly #list: HeaderList;
  /** The dynamic table, newest last. */
  readonly #table: HpackField[] = [];
  #tableBytes = 0;
  #mostBytes = TABLE_BYTES;
  /** Made with the first literal: an idle connection has none. */
  #memory: FieldMemory | undefined;
  /** Where the last integer or string ended. */
  #at = 0;

  constructor(limits: DecoderLimits) {
    this.#list = new HeaderList(limits.headerBytes, limits.headerFields);
  }

  /**
   * Decodes one whole header block. Every block must pass here, also of requests that are refused: it may change the
   * table. The list is valid until the next block. Throws an HpackError when the block cannot be decoded.
   */
  decode(source: Buffer, at: number, end: number): HeaderList {
    const list = this.#list;
    list.clear();
    let mayResize = true;
    while (at < end) {
      const first = source[at] ?? 0;
      if (first >= 0x80) {
        list.add(this.#entry(this.#integer(source, at, end, 0x7f)));
        at = this.#at;
        mayResize = false;
      } else if ((first & 0xe0) === 0x20) {
        if (!mayResize) throw new HpackError("a table size update after a field");
        this.#resize(this.#integer(source, at, end, 0x1f));
        at = this.#at;
      } else {
        at = this.#literal(list, source, at, end, first);
        mayResize = false;
      }
    }
    return list;
  }

  #literal(list: HeaderList, source: Buffer, at: number, end: number, first: number): number {
    const isIndexed = first >= 0x40;
    const index = this.#integer(source, at, end, isIndexed ? 0x3f : 0x0f);
    const sensitive = (first & 0xf0) === 0x10;
    let name: string;
    let known: HeaderName | undefined;
    if (index === 0) {
      const nameAt = this.#at;
      const coded = this.#stringBytes(source, nameAt, end);
      if (!isIndexed && !list.hasRoomFor(coded)) {
        list.skip();
        const valueAt = this.#at + coded;
        return this.#stringBytes(source, valueAt, end) + this.#at;
      }
      name = this.#string(source, nameAt, end);
    } else {
      const entry = this.#entry(index);
      name = entry.name;
      known = entry.known;
    }
    const valueAt = this.#at;
    const coded = this.#stringBytes(source, valueAt, end);
    const valueEnd = this.#at + coded;
    if (!isIndexed && !list.hasRoomFor(coded)) {
      list.skip();
      return valueEnd;
    }
    let field: HpackField | undefined;
    // What the peer puts into the table comes back by its index; only what is long is worth looking for.
    const mayBeKnown = !isIndexed || valueEnd - valueAt >= LONG_BYTES;
    if (mayBeKnown) {
      this.#memory ??= new FieldMemory();
      field = this.#memory.find(name, sensitive, source, valueAt, valueEnd);
    }
    if (field === undefined) {
      const value = this.#string(source, valueAt, end);
      field = new HpackField(known ?? headerName(name), value, sensitive, false);
      if (mayBeKnown) this.#memory?.remember(field, source, valueAt, valueEnd);
    }
    if (isIndexed) this.#insert(field);
    list.add(field);
    return valueEnd;
  }

  #entry(index: number): HpackField {
    const field =
      index <= STATIC_ENTRIES
        ? STATIC_FIELDS[index]
        : this.#table[this.#table.length - (index - STATIC_ENTRIES)];
    if (field === undefined) throw new HpackError(`index ${index} is not in the table`);
    return field;
  }

  #insert(field: HpackField): void {
    this.#evict(this.#mostBytes - field.size);
    // Larger than the whole table: that empties it (RFC 7541, 4.4).
    if (field.size > this.#mostBytes) return;
    this.#table.push(field);
    this.#tableBytes += field.size;
  }

  #resize(bytes: number): void {
    if (bytes > TABLE_BYTES) throw new HpackError(`a table of ${bytes} bytes was not allowed`);
    this.#mostBytes = bytes;
    this.#evict(bytes);
  }

  /** Drops the oldest entries until so many bytes are left at most. */
  #evict(bytes: number): void {
    while (this.#tableBytes > bytes) {
      const oldest = this.#table.shift();
      if (oldest === undefined) return;
      this.#tableBytes -= oldest.size;
    }
  }

  #integer(source: Buffer, at: number, end: number, mask: number): number {
    if (at >= end) throw new HpackError("a header block is cut off");
    let value = (source[at++] ?? 0) & mask;
    if (value === mask) {
      let shift = 0;
      for (;;) {
        // Four more octets are 28 bits: no length or index is ever so large.
        if (at >= end || shift > 21) throw new HpackError("an integer is cut off or too large");
        const octet = source[at++] ?? 0;
        value += (octet & 0x7f) << shift;
        if (octet < 0x80) break;
        shift += 7;
      }
    }
    this.#at = at;
    return value;
  }

  /** Length in coded bytes of the string at `at`; leaves #at at its first byte. Throws when the block ends before it. */
  #stringBytes(source: Buffer, at: number, end: number): number {
    const bytes = this.#integer(source, at, end, 0x7f);
    if (this.#at + bytes > end) throw new HpackError("a string is cut off");
    return bytes;
  }

  #string(source: Buffer, at: number, end: number): string {
    const isHuffman = (source[at] ?? 0) >= 0x80;
    const bytes = this.#stringBytes(source, at, end);
    const from = this.#at;
    this.#at = from + bytes;
    return isHuffman
      ? huffmanDecode(source, from, this.#at)
      : source.toString("latin1", from, this.#at);
  }
}

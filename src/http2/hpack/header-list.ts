import { NameKind } from "./header-name.ts";
import { FIELD_OVERHEAD, type HpackField } from "./hpack-field.ts";

/** A pseudo-header as a bit of `HeaderList.pseudo`: 1 << (kind - 1). */
export const Pseudo = { METHOD: 1, SCHEME: 2, PATH: 4, AUTHORITY: 8, STATUS: 16 } as const;

/** A decoded header block, with what the rules need to know of it. One object serves all blocks of a connection in turn. */
export class HeaderList {
  /** The first `#kept` count; the array is used again, it never shrinks. */
  readonly #collected: HpackField[] = [];
  #kept = 0;
  /** As RFC 9113 counts, also what was not kept. */
  bytes = 0;
  count = 0;
  /** Beyond one of the limits: fields are counted no longer kept. */
  isTooLarge = false;
  isMalformed = false;
  hasUnderscore = false;
  /** Which pseudo-headers it has, see Pseudo. */
  pseudo = 0;
  /** -1: none. */
  contentLength = -1;
  status = "";
  #hasRegular = false;
  #authority: string | undefined;
  #host: string | undefined;
  readonly #maxBytes: number;
  readonly #maxFields: number;

  constructor(maxBytes: number, maxFields: number) {
    this.#maxBytes = maxBytes;
    this.#maxFields = maxFields;
  }

  /** Ready for the next block. */
  clear(): void {
    this.#kept = 0;
    this.bytes = 0;
    this.count = 0;
    this.isTooLarge = false;
    this.isMalformed = false;
    this.hasUnderscore = false;
    this.pseudo = 0;
    this.contentLength = -1;
    this.status = "";
    this.#hasRegular = false;
    this.#authority = undefined;
    this.#host = undefined;
  }

  /** The fields in the order they came, in an array of their own. */
  get fields(): readonly HpackField[] {
    return this.#collected.slice(0, this.#kept);
  }

  /** Whether a string of so many coded bytes still fits. Asked before it is expanded: it never gets shorter than 4/15. */
  hasRoomFor(codedBytes: number): boolean {
    return (
      !this.isTooLarge && this.bytes + (codedBytes * 4) / 15 + FIELD_OVERHEAD <= this.#maxBytes
    );
  }

  /** A field that was too large to look at. */
  skip(): void {
    this.isTooLarge = true;
  }

  add(field: HpackField): void {
    this.bytes += field.size;
    this.count++;
    if (this.bytes > this.#maxBytes || this.count > this.#maxFields) this.isTooLarge = true;
    if (this.isTooLarge) return;
    this.#collected[this.#kept++] = field;
    const { kind, hasUnderscore } = field.known;
    if (field.isMalformed) this.isMalformed = true;
    if (hasUnderscore) this.hasUnderscore = true;
    if (kind >= NameKind.METHOD && kind <= NameKind.STATUS) this.#addPseudo(field, kind);
    else {
      this.#hasRegular = true;
      if (kind === NameKind.CONTENT_LENGTH) this.#addContentLength(field.value);
      else if (kind === NameKind.HOST) {
        if (this.#host !== undefined && this.#host !== field.value) this.isMalformed = true;
        this.#host = field.value;
      }
    }
  }

  /** RFC 9113, 8.3.1: method, scheme and path, once each; an authority that Host does not contradict. */
  get isRequest(): boolean {
    const needed = Pseudo.METHOD | Pseudo.SCHEME | Pseudo.PATH;
    if (this.isMalformed || (this.pseudo & ~Pseudo.AUTHORITY) !== needed) return false;
    if (this.#host === undefined || this.#authority === undefined) return true;
    return this.#host.toLowerCase() === this.#authority.toLowerCase();
  }

  get isAnswer(): boolean {
    return !this.isMalformed && this.pseudo === Pseudo.STATUS;
  }

  get isTrailers(): boolean {
    return !this.isMalformed && this.pseudo === 0;
  }

  #addPseudo(field: HpackField, kind: number): void {
    const bit = 1 << (kind - 1);
    // Once each, and before every other field.
    if (this.#hasRegular || (this.pseudo & bit) !== 0) this.isMalformed = true;
    this.pseudo |= bit;
    if (kind === NameKind.STATUS) this.status = field.value;
    else if (kind === NameKind.AUTHORITY) this.#authority = field.value;
  }

  #addContentLength(value: string): void {
    const length = Number(value);
    if (this.contentLength >= 0 && this.contentLength !== length) this.isMalformed = true;
    this.contentLength = length;
  }
}

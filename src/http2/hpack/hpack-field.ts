import type { Field } from "../head.ts";
import { type HeaderName, headerName, NameKind } from "./header-name.ts";

/** Size of an entry beyond its name and value (RFC 7541, 4.1; RFC 9113, 6.5.2). */
export const FIELD_OVERHEAD = 32;

/** A header with what decoder and encoder know about it, so that each is found once a field, not once a call. */
export class HpackField implements Field {
  readonly name: string;
  readonly value: string;
  readonly sensitive: boolean;
  memo: unknown = undefined;
  readonly known: HeaderName;
  /** As HTTP/2 counts: name + value + 32. */
  readonly size: number;
  /** Breaks a rule of HTTP/2 by itself: what holds it is malformed. */
  readonly isMalformed: boolean;
  /** Index of name and value in the static table; 0: not there. */
  readonly staticIndex: number;
  /** Sent on many calls: its encoded form is stored, and it competes for the encoder's table. */
  readonly keep: boolean;
  /** The stored literal, from the first use on. */
  literal: Uint8Array | undefined = undefined;
  /** The encoder that met it last, by number; where it stands in its table (0: not); its clock at that time. */
  encoderId = 0;
  tableAt = 0;
  metAt = 0;

  constructor(known: HeaderName, value: string, sensitive: boolean, keep: boolean) {
    this.name = known.name;
    this.value = value;
    this.sensitive = sensitive;
    this.known = known;
    this.size = known.name.length + value.length + FIELD_OVERHEAD;
    this.isMalformed = !isAllowed(known, value);
    this.staticIndex = sensitive ? 0 : (known.staticValues?.get(value) ?? 0);
    this.keep = keep;
  }
}

/**
 * A field to send. Throws a TypeError when no header may look like that: a name that is no lower-case token, a value
 * with CR, LF, NUL or anything beyond latin1 (which would be cut to some other byte on the wire).
 */
export function fieldToSend(
  name: string,
  value: string,
  options?: { readonly sensitive?: boolean; readonly keep?: boolean },
): HpackField {
  const known = headerName(name);
  if (known.kind === NameKind.INVALID || known.kind === NameKind.CONNECTION_SPECIFIC) {
    throw new TypeError(`${JSON.stringify(name)} is no header name of HTTP/2`);
  }
  if (FORBIDDEN_TO_SEND.test(value)) {
    throw new TypeError(`the value of ${name} holds CR, LF, NUL or a character beyond latin1`);
  }
  return new HpackField(known, value, options?.sensitive === true, options?.keep === true);
}

const FORBIDDEN_TO_SEND = /[\0\r\n]|[^\0-\xff]/;
const FORBIDDEN_VALUE = /[\0\r\n]/;
/** What no pseudo-header may hold: it could end a line or a part of one in HTTP/1.1. */
const FORBIDDEN_PSEUDO = /[\0-\x20\x7f]/;
const PATH = /^(?:\/|\*$)/;
const STATUS = /^[1-5][0-9][0-9]$/;
const DIGITS = /^[0-9]{1,15}$/;

function isAllowed({ kind }: HeaderName, value: string): boolean {
  switch (kind) {
    case NameKind.ORDINARY:
      return !FORBIDDEN_VALUE.test(value);
    case NameKind.METHOD:
    case NameKind.SCHEME:
      return value !== "" && !FORBIDDEN_PSEUDO.test(value);
    case NameKind.AUTHORITY:
    case NameKind.HOST:
      return !FORBIDDEN_PSEUDO.test(value);
    case NameKind.PATH:
      return PATH.test(value) && !FORBIDDEN_PSEUDO.test(value);
    case NameKind.STATUS:
      return STATUS.test(value);
    case NameKind.TE:
      return value === "trailers";
    case NameKind.CONTENT_LENGTH:
      return DIGITS.test(value);
    default:
      return false;
  }
}

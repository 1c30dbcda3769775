/** Shorter strings are written faster octet by octet than by a call into the runtime. */
const SHORT = 24;

/** An integer with that prefix (RFC 7541, 5.1); returns where it ends. */
export function putInteger(
  out: Buffer,
  at: number,
  prefix: number,
  mask: number,
  value: number,
): number {
  if (value < mask) {
    out[at] = prefix | value;
    return at + 1;
  }
  out[at++] = prefix | mask;
  value -= mask;
  while (value >= 0x80) {
    out[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  out[at] = value;
  return at + 1;
}

/** A string of latin1 characters, not Huffman-coded (RFC 7541, 5.2); returns where it ends. */
export function putString(out: Buffer, at: number, text: string): number {
  const { length } = text;
  at = putInteger(out, at, 0, 0x7f, length);
  if (length > SHORT) out.write(text, at, length, "latin1");
  else for (let nth = 0; nth < length; nth++) out[at + nth] = text.charCodeAt(nth);
  return at + length;
}

/** Bytes of one DER value: tag, length, content. */
export type Der = Uint8Array<ArrayBuffer>;

/** SEQUENCE of the given values. */
export function sequence(...values: readonly Der[]): Der {
  return tagged(0x30, ...values);
}

/** SET of one value (of several, DER would want them sorted; names here have one attribute each). */
export function setOf(value: Der): Der {
  return tagged(0x31, value);
}

/** A non-negative INTEGER from big-endian bytes: leading zeros dropped, one put back where the number would read as negative. */
export function unsignedInteger(bigEndian: Uint8Array): Der {
  const first = bigEndian.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bigEndian.subarray(first);
  const negative = ((digits[0] ?? 0) & 0x80) !== 0;
  return tagged(0x02, ...(negative ? [Uint8Array.of(0), digits] : [digits]));
}

/** OBJECT IDENTIFIER from its dotted form, e.g. 2.5.29.17. */
export function objectIdentifier(dotted: string): Der {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  if (first === undefined || second === undefined || ![first, second, ...rest].every(isArc)) {
    throw new Error(`not an object identifier: ${dotted}`);
  }
  return tagged(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

export function utf8String(text: string): Der {
  return tagged(0x0c, new TextEncoder().encode(text));
}

export function octetString(content: Uint8Array): Der {
  return tagged(0x04, content);
}

/** @param unusedBits how many low bits of the last byte do not count. */
export function bitString(content: Uint8Array, unusedBits = 0): Der {
  return tagged(0x03, Uint8Array.of(unusedBits), content);
}

export function boolean(value: boolean): Der {
  return tagged(0x01, Uint8Array.of(value ? 0xff : 0));
}

export function nullValue(): Der {
  return tagged(0x05);
}

/** UTCTime up to 2049, GeneralizedTime after, as RFC 5280 4.1.2.5 wants it; whole seconds. */
export function time(ms: number): Der {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  if (!/^\d{14}Z$/.test(digits)) throw new Error(`a certificate cannot name this time: ${ms} ms`);
  const isShort = digits >= "1950" && digits < "2050";
  return tagged(
    isShort ? 0x17 : 0x18,
    new TextEncoder().encode(isShort ? digits.slice(2) : digits),
  );
}

/** `[number]` around whole values (EXPLICIT), or any constructed context tag. */
export function contextConstructed(number: number, ...values: readonly Der[]): Der {
  return tagged(0xa0 | number, ...values);
}

/** `[number]` in place of a primitive's own tag (IMPLICIT). */
export function contextPrimitive(number: number, content: Uint8Array): Der {
  return tagged(0x80 | number, content);
}

function tagged(tag: number, ...content: readonly Uint8Array[]): Der {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Uint8Array.from(
    Buffer.concat([Uint8Array.from([tag, ...lengthBytes(length)]), ...content]),
  );
}

/** Short form below 128; else the count of length bytes, then the length. */
function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return [0x80 | bytes.length, ...bytes];
}

function base128(arc: number): readonly number[] {
  const bytes = [arc % 128];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
    bytes.unshift((left % 128) | 0x80);
  }
  return bytes;
}

function isArc(arc: number): boolean {
  return Number.isSafeInteger(arc) && arc >= 0;
}

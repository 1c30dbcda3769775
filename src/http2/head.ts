/**
 * One header of a head. The same object may be handed out again by an engine (a table entry, the same raw bytes as
 * before), so what was learned about it may hang on it.
 */
export interface Field {
  /** Lower case; a pseudo-header starts with ":". */
  readonly name: string;
  /** Bytes as latin1, one character a byte. */
  readonly value: string;
  /** Never indexed by an encoder that follows (RFC 7541, 7.1.3). */
  readonly sensitive: boolean;
  /** Belongs to whoever receives the head: one reader, who must be able to tell that it is stale. */
  memo?: unknown;
}

/** Order and duplicates as on the wire, pseudo-headers first; names and values already checked. Never changed in place. */
export type Head = readonly Field[];

/** The first value of a header, or undefined. */
export function firstValue(head: Head, name: string): string | undefined {
  for (const field of head) if (field.name === name) return field.value;
  return undefined;
}

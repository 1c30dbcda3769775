/** How deep a token or key set may nest: protobuf's own JSON limit, which Envoy inherits. Against: stacks filled by "[[[[". */
const maxDepth = 100;
/** Commas outside strings: members and elements in all. Against: 40 KB of tiny members that take milliseconds to compare. */
const maxCommas = 1000;

export type JsonObject = { readonly [name: string]: unknown };

/**
 * JSON as a security check may believe it: an object, UTF-8 without replacement, no name twice at any depth, no number
 * beyond a double (`1e400`), nested at most 100 deep, at most some 1000 members. undefined for everything else: two parsers may read such a text
 * differently, and one of them decides who is calling.
 */
export function parseJsonObject(text: string | Uint8Array): JsonObject | undefined {
  const source = typeof text === "string" ? text : decodeUtf8(text);
  if (source === undefined || isTooMuch(source)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return repeatsName(source) || overflows(value) ? undefined : (value as JsonObject);
}

/** ignoreBOM keeps a byte order mark in the text, where JSON.parse refuses it. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;

/** The index after the string that opens at `start`; the text's length where it never closes. */
function afterString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === backslash) i++;
    else if (char === quote) return i + 1;
  }
  return text.length;
}

function isTooMuch(text: string): boolean {
  let depth = 0;
  let commas = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === quote) i = afterString(text, i) - 1;
    else if (char === openBrace || char === openBracket) {
      if (++depth > maxDepth) return true;
    } else if (char === closeBrace || char === closeBracket) depth--;
    else if (char === comma && ++commas > maxCommas) return true;
  }
  return false;
}

/** Whether an object of a text that is known to be JSON names a member twice, `"é"` and `"\u00e9"` being one name. */
function repeatsName(text: string): boolean {
  /** One entry an open bracket: the names so far of an object, undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === quote) {
      const end = afterString(text, i);
      const names = open.at(-1);
      if (expectsName && names !== undefined) {
        const raw = text.slice(i + 1, end - 1);
        const name: string = raw.includes("\\") ? JSON.parse(`"${raw}"`) : raw;
        if (names.has(name)) return true;
        names.add(name);
        expectsName = false;
      }
      i = end - 1;
    } else if (char === openBrace) {
      open.push(new Set());
      expectsName = true;
    } else if (char === openBracket) {
      open.push(undefined);
      expectsName = false;
    } else if (char === closeBrace || char === closeBracket) {
      open.pop();
      expectsName = false;
    } else if (char === comma) expectsName = true;
  }
  return false;
}

/** Depth is bounded before: recursion is safe. */
function overflows(value: unknown): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(overflows);
}

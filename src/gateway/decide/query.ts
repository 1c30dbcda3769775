/** The first value of a query parameter, percent-decoded; undefined when the path has none of that name. `name` is ASCII. */
export function queryValue(path: string, name: string): string | undefined {
  const start = path.indexOf("?");
  if (start === -1) return undefined;
  for (let at = start + 1; at <= path.length; ) {
    const amp = path.indexOf("&", at);
    const end = amp === -1 ? path.length : amp;
    const keyEnd = afterName(path, at, end, name);
    if (keyEnd === end) return "";
    if (keyEnd !== -1 && path[keyEnd] === "=") return decode(path.slice(keyEnd + 1, end));
    at = end + 1;
  }
  return undefined;
}

/**
 * Where `name` ends that stands at `at`, any of its characters percent-encoded; -1: something else stands there.
 * Looks no further than it must, and never throws: a path may hold thousands of damaged parameters.
 */
function afterName(path: string, at: number, end: number, name: string): number {
  for (let nth = 0; nth < name.length; nth++) {
    if (at >= end) return -1;
    let code = path.charCodeAt(at++);
    if (code === PERCENT) {
      const hex = path.slice(at, at + 2);
      if (!HEX.test(hex) || at + 2 > end) return -1;
      code = Number.parseInt(hex, 16);
      at += 2;
    }
    if (code !== name.charCodeAt(nth)) return -1;
  }
  return at;
}

/** A damaged escape stays as it is. */
function decode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const PERCENT = 0x25;
const HEX = /^[0-9a-fA-F]{2}$/;

/** The first value of a query parameter, percent-decoded; undefined when the path has none of that name. */
export function queryValue(path: string, name: string): string | undefined {
  const start = path.indexOf("?");
  if (start === -1) return undefined;
  for (const pair of path.slice(start + 1).split("&")) {
    const equals = pair.indexOf("=");
    const key = equals === -1 ? pair : pair.slice(0, equals);
    if (decode(key) === name) return equals === -1 ? "" : decode(pair.slice(equals + 1));
  }
  return undefined;
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

/**
 * RT-8: a path as the gateway matches and forwards it. Percent-escapes of unreserved characters decoded, backslashes
 * taken for slashes, dot segments resolved, repeated slashes merged; `%2F` and the query stay as they are.
 * @see https://datatracker.ietf.org/doc/html/rfc3986#section-6
 */
export function normalisePath(received: string): string {
  const queryAt = received.indexOf("?");
  const path = queryAt === -1 ? received : received.slice(0, queryAt);
  const query = queryAt === -1 ? "" : received.slice(queryAt);
  if (!path.startsWith("/")) return received; // "*", or an absolute form that routes nowhere
  const plain = path
    .replace(/%[0-9A-Fa-f]{2}/g, (escaped) => PLAIN.get(escaped) ?? escaped)
    .replaceAll("\\", "/");
  const kept: string[] = [];
  const segments = plain.split("/");
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const last = segments.at(-1);
  const isFolder = last === "" || last === "." || last === "..";
  return `/${kept.join("/")}${isFolder && kept.length > 0 ? "/" : ""}${query}`;
}

/** Escapes of unreserved characters, in either case. Looked up, as a path may hold thousands of them. */
const PLAIN = new Map<string, string>();
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-") {
  const hex = char.charCodeAt(0).toString(16);
  for (const digits of [hex, hex.toUpperCase()]) PLAIN.set(`%${digits}`, char);
}

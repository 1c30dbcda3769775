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
  const plain = path.replace(/%[0-9A-Fa-f]{2}/g, decodeUnreserved).replaceAll("\\", "/");
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

function decodeUnreserved(escaped: string): string {
  const char = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(char) ? char : escaped;
}

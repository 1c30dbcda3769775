/**
 * The head of one request as it came. `raw` keeps what node:http2 drops or joins: it shows the first of two
 * `authorization` headers and hides the second (PR-6).
 */
export interface RequestHead {
  /** POST */
  readonly method: string;
  /** /echo.EchoServer/SayHello, query included. */
  readonly path: string;
  readonly authority: string;
  readonly scheme: "http" | "https";
  /** Names in lower case; order and duplicates as on the wire; no pseudo-headers. */
  readonly raw: readonly (readonly [name: string, value: string])[];
}

/** From node's flat list: name, value, name, value. */
export function readHead(
  flat: readonly string[],
  connection: {
    readonly scheme: "http" | "https";
    readonly method?: string;
    readonly path?: string;
  },
): RequestHead {
  const raw: [string, string][] = [];
  let { method = "", path = "" } = connection;
  let authority = "";
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = (flat[i] ?? "").toLowerCase();
    const value = flat[i + 1] ?? "";
    if (name === ":method") method = value;
    else if (name === ":path") path = value;
    else if (name === ":authority") authority = value;
    else if (!name.startsWith(":")) raw.push([name, value]);
    if (name === "host" && authority === "") authority = value;
  }
  return { method, path, authority, scheme: connection.scheme, raw };
}

/** Every value of a header, in order. */
export function valuesOf(head: RequestHead, name: string): readonly string[] {
  return head.raw.filter(([one]) => one === name).map(([, value]) => value);
}

/** The first value of a header. */
export function headerOf(head: RequestHead, name: string): string | undefined {
  return head.raw.find(([one]) => one === name)?.[1];
}

/** For Connect: duplicates joined, as the Fetch standard joins them. */
export function webHeaders(head: RequestHead): Headers {
  const headers = new Headers();
  for (const [name, value] of head.raw) headers.append(name, value);
  return headers;
}

/** pkg.Service.Method of /pkg.Service/Method; undefined for any other path. */
export function selectorOfPath(path: string): string | undefined {
  const match = path.match(/^\/([^/?]+)\/([^/?]+)$/);
  return match === null ? undefined : `${match[1]}.${match[2]}`;
}

import http from "node:http";
import https from "node:https";
import tls from "node:tls";

/** A key server's answer may be this long, in bytes. Against: an issuer that sends for ever. */
const MAX_BODY_BYTES = 1024 * 1024;

export interface GetTextOptions {
  /** PEM roots besides the system's. */
  readonly ca: readonly string[];
  /** `host:port` -> `address[:port]` to connect to instead. */
  readonly resolve: ReadonlyMap<string, string>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** GET a small document over http or https. Rejects, with a message for an operator, on anything but a whole 200 (JK-4). */
export async function getText(url: URL, options: GetTextOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const isTls = url.protocol === "https:";
  const { host, port } = whereTo(
    url.hostname,
    Number(url.port) || (isTls ? 443 : 80),
    options.resolve,
  );
  const request = (isTls ? https : http).request({
    host,
    port,
    method: "GET",
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, accept: "application/json", connection: "close" },
    agent: false,
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]),
    ...(isTls ? { servername: url.hostname, ca: rootsWith(options.ca) } : {}),
  });
  request.on("error", reject);
  request.on("response", (response) => {
    const { statusCode } = response;
    if (statusCode !== 200) {
      request.destroy();
      reject(new Error(`${url.href} answered HTTP ${statusCode}`));
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= MAX_BODY_BYTES) return;
      request.destroy();
      reject(new Error(`${url.href} sent more than ${MAX_BODY_BYTES} bytes`));
    });
    response.on("error", reject);
    response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    response.on("close", () => reject(new Error(`${url.href} broke off its answer`)));
  });
  request.end();
  return promise;
}

/** Where to connect for a host and port, as curl's --resolve says it. IPv6 addresses stand in brackets where a port follows. */
export function whereTo(
  host: string,
  port: number,
  resolve: ReadonlyMap<string, string>,
): { host: string; port: number } {
  const led = resolve.get(`${host}:${port}`);
  if (led === undefined) return { host: host.replace(/^\[|\]$/g, ""), port };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(led);
  if (match === null) return { host: led, port }; // a bare IPv6 address
  return { host: match[1] ?? match[2] ?? led, port: Number(match[3] ?? port) };
}

/** The roots Node trusts by default, and these. */
export function rootsWith(extra: readonly string[]): string[] | undefined {
  return extra.length === 0 ? undefined : [...tls.getCACertificates("default"), ...extra];
}

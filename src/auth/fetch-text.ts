import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import { getCACertificates } from "node:tls";

/** How token endpoints, metadata servers and key servers are reached: the same everywhere in auth/. */
export interface Reach {
  /** PEM roots for https, besides the ones Node trusts. */
  readonly ca?: readonly string[] | undefined;
  /** `host:port` -> `address[:port]` to connect to instead, as curl's --resolve; SNI and Host stay. */
  readonly resolve?: ReadonlyMap<string, string> | undefined;
  /** Longest time for one request and its whole answer. Against: issuers that hang. */
  readonly timeoutMs?: number | undefined;
}

export interface TextRequest extends Reach {
  readonly url: URL;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface TextAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export const defaultTimeoutMs = 30_000;

/** Tokens and key sets are a few KiB. Against: an answer that fills memory. */
export const maxAnswerBytes = 1024 * 1024;

/**
 * One HTTP/1.1 request on a connection of its own, its answer as text. Follows no redirect: where a token goes is the
 * caller's decision. Rejects with the signal's reason when aborted, else with an Error that says what happened but not
 * which address was asked: the caller knows why it asked.
 */
export async function fetchText(request: TextRequest): Promise<TextAnswer> {
  const { timeoutMs = defaultTimeoutMs } = request;
  request.signal?.throwIfAborted();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  const signal =
    request.signal === undefined ? late.signal : AbortSignal.any([late.signal, request.signal]);
  try {
    const response = await send(request, signal);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: await boundedText(response),
    };
  } catch (error) {
    request.signal?.throwIfAborted();
    if (late.signal.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause: error });
    throw new Error(causeText(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function send(request: TextRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, method = "GET", headers, body = "", ca } = request;
  const isTls = url.protocol === "https:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || (isTls ? 443 : 80));
  const options = {
    ...connectTarget(hostname, port, request.resolve),
    method,
    path: url.pathname + url.search,
    headers: { host: url.host, "content-length": Buffer.byteLength(body), ...headers },
    agent: false as const,
    signal,
  };
  // Node's `ca` replaces its roots: name them again.
  const trust = ca === undefined ? {} : { ca: [...getCACertificates("default"), ...ca] };
  const tls = { ...trust, servername: isIP(hostname) === 0 ? hostname : "" };
  return new Promise((resolve, reject) => {
    const outgoing = isTls ? requestHttps({ ...options, ...tls }) : requestHttp(options);
    outgoing.once("response", resolve).once("error", reject).end(body);
  });
}

/** Where to connect for a host (no brackets) and port, as curl's --resolve says it. */
export function connectTarget(
  hostname: string,
  port: number,
  resolve: ReadonlyMap<string, string> | undefined,
): { host: string; port: number } {
  const target = resolve?.get(`${hostname}:${port}`);
  if (target === undefined) return { host: hostname, port };
  const bare = target.replace(/^\[|\]$/g, "");
  if (isIP(bare) === 6) return { host: bare, port };
  const [, host = target, toPort] = /^\[?(.+?)\]?:(\d+)$/.exec(target) ?? [];
  return { host, port: toPort === undefined ? port : Number(toPort) };
}

async function boundedText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop destroys the response, and with it the connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes)
      throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A name with several addresses fails with an AggregateError that says nothing itself. */
export function causeText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.map(causeText).join("; ");
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return error.message === "" ? code : error.message;
}

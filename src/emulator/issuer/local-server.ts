import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { setTimeout as after } from "node:timers/promises";
import { type Fault, faultFor } from "./fault.ts";

/** One request to a local Google server, its body already read. */
export interface LocalRequest {
  readonly method: string;
  /** Path and query; the host is not the caller's. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** What is to be answered wrongly; {} almost always. */
  readonly fault: Fault;
}

export interface LocalAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface LocalServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM; without it cleartext. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly answer: (request: LocalRequest) => LocalAnswer | Promise<LocalAnswer>;
  readonly fault: () => Fault | undefined;
  /** A bug of ours met in `answer`; the caller gets 500. */
  readonly onError: (error: unknown) => void;
}

/** A small HTTP/1.1 server. Disposing closes every connection at once: its callers all retry. */
export interface LocalServer extends AsyncDisposable {
  readonly port: number;
}

/** Listen. Rejects, naming address and port, when that cannot be. */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const { host = "127.0.0.1", port, tls } = options;
  const closing = new AbortController();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response, options, closing.signal).catch(() => response.destroy()); // the caller left
  };
  const server = tls
    ? createTlsServer({ ...BOUNDS, ...tls, handshakeTimeout: 10_000 }, onRequest)
    : createServer(BOUNDS, onRequest);
  server.maxConnections = MAX_CONNECTIONS;
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const why =
      cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE"
        ? "the port is in use"
        : String(cause);
    throw new Error(`cannot listen on ${host}:${port}: ${why}`, { cause });
  }
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("a TCP server has an address");
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      closing.abort();
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): LocalAnswer {
  return {
    status,
    headers: { "content-type": "application/json; charset=UTF-8", ...headers },
    body: JSON.stringify(body, null, 2),
  };
}

/** A REST error in Google's form. @see google/rpc/status.proto */
export function googleError(
  code: number,
  status: string,
  message: string,
  details?: readonly unknown[],
): LocalAnswer {
  return jsonAnswer(code, { error: { code, message, status, ...(details && { details }) } });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { answer, fault, onError }: LocalServerOptions,
  closing: AbortSignal,
): Promise<void> {
  const url = URL.parse(request.url ?? "", "http://local.invalid");
  if (url === null) return send(response, googleError(400, "INVALID_ARGUMENT", "this is no URL"));
  const current = faultFor(fault(), url.pathname);
  const body = await readBody(request);
  if (current.slowMs !== undefined) await pause(current.slowMs, response, closing);
  if (current.cut) return void response.destroy();
  if (current.down)
    return send(response, googleError(503, "UNAVAILABLE", "The service is currently unavailable."));
  if (body === undefined) {
    response.shouldKeepAlive = false; // the rest of the body is not read
    return send(
      response,
      googleError(413, "INVALID_ARGUMENT", `the body is longer than ${MAX_BODY_BYTES} bytes`),
    );
  }
  const { method = "GET", headers } = request;
  try {
    send(response, told(current, await answer({ method, url, headers, body, fault: current })));
  } catch (error) {
    onError(error);
    send(response, googleError(500, "INTERNAL", "Internal error encountered."));
  }
}

/** Rejects when the caller leaves, or the server ends, before the time is up. */
async function pause(ms: number, response: ServerResponse, closing: AbortSignal): Promise<void> {
  const left = new AbortController();
  response.once("close", () => left.abort());
  await after(ms, undefined, { signal: AbortSignal.any([closing, left.signal]) });
}

/** The answer, or a lie that fits any. */
function told({ lie }: Fault, answer: LocalAnswer): LocalAnswer {
  if (lie === "not-json")
    return {
      status: 200,
      headers: { "content-type": "text/html" },
      body: "<html><body>hello</body></html>",
    };
  if (lie === "huge") return { ...answer, body: " ".repeat(HUGE_BYTES) };
  return answer;
}

function send(response: ServerResponse, { status, headers, body }: LocalAnswer): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, "content-length": bytes.length });
  response.end(bytes);
}

/** The whole body; undefined when it is too long. Rejects when the caller leaves in the middle. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A token request is a few kilobytes. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 1024;
const HUGE_BYTES = 32 * 1024 * 1024;
/** A caller that sends slowly, or nothing, is let go. */
const BOUNDS: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: 30_000,
  maxHeaderSize: 32 * 1024,
};

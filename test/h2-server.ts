import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

export interface H2Server extends AsyncDisposable {
  /** http://127.0.0.1:PORT, or https. */
  readonly address: string;
  readonly port: number;
  /** Request headers, in the order they came. */
  readonly heads: readonly IncomingHttpHeaders[];
  /** Connections made so far. */
  readonly connections: () => number;
  /** Ends every connection, and resolves when they are gone. */
  dropConnections(): Promise<void>;
}

export interface H2Options {
  /** Serve these. */
  readonly routes?: (router: ConnectRouter) => unknown;
  /** Or do this with the n-th stream (from 1); undefined: routes serve it. */
  readonly onStream?: (stream: ServerHttp2Stream, n: number) => "handled" | undefined;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** node:http2 as a server that a test can make misbehave. */
export async function startH2({ routes, onStream, tls }: H2Options): Promise<H2Server> {
  const heads: IncomingHttpHeaders[] = [];
  const sessions = new Set<ServerHttp2Session>();
  let connections = 0;
  const serve =
    routes === undefined
      ? undefined
      : connectNodeAdapter({ routes: (router) => void routes(router) });
  const server = tls === undefined ? createServer() : createSecureServer(tls);
  server.on("session", (session) => {
    connections++;
    sessions.add(session);
    session.on("error", () => {}).once("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    heads.push(headers);
    if (onStream?.(stream as ServerHttp2Stream, heads.length) === "handled") handled.add(stream);
  });
  const handled = new WeakSet<object>();
  server.on("request", (request, response) => {
    if (!handled.has(request.stream)) serve?.(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    heads,
    connections: () => connections,
    async dropConnections() {
      const gone = [...sessions].map((session) => once(session, "close"));
      for (const session of sessions) session.destroy();
      await Promise.all(gone);
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

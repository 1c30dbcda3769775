import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { IdToken } from "../../auth/token-source.ts";
import type { DevFacts } from "./dev-state.ts";
import type { TrafficRing } from "./traffic-ring.ts";

export interface LocalFaceOptions {
  /** undefined: still starting. */
  readonly facts: () => DevFacts | undefined;
  readonly mint: (email: string, audience: string) => IdToken;
  readonly traffic: TrafficRing;
}

/** The running `callpath dev` as other commands on this machine see it. */
export interface LocalFace extends AsyncDisposable {
  /** http://127.0.0.1:PORT */
  readonly origin: string;
  /** Asked of every request as its bearer: the file it stands in is for its owner only. */
  readonly secret: string;
}

/** How long a question about a call waits for a hop that has not reported yet. */
const EVENTS_WAIT_MS = 1500;
const MAX_BODY_BYTES = 16 * 1024;

/**
 * Listen on 127.0.0.1, on any free port:
 * GET /facts, GET /events/TRACE_ID, POST /token {email, audience} -> {value, expiresAtMs}.
 */
export async function startLocalFace(options: LocalFaceOptions): Promise<LocalFace> {
  const secret = randomBytes(32).toString("base64url");
  const server = createServer((request, response) => {
    answer(request, secret, options).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => send(response, 500, { error: String(error) }),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    secret,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

async function answer(
  request: IncomingMessage,
  secret: string,
  { facts, mint, traffic }: LocalFaceOptions,
): Promise<Answer> {
  if (!isBearer(request.headers.authorization, secret))
    return { status: 401, body: { error: "the bearer is not this dev's secret" } };
  const { method, url = "/" } = request;
  if (method === "GET" && url === "/facts") return { status: 200, body: facts() ?? {} };
  const traceId = /^\/events\/([0-9a-f]{32})$/.exec(url)?.[1];
  if (method === "GET" && traceId !== undefined)
    return { status: 200, body: await traffic.untilTold(traceId, EVENTS_WAIT_MS) };
  if (method === "POST" && url === "/token") {
    const { email, audience } = await readJson(request);
    if (typeof email !== "string" || typeof audience !== "string")
      return { status: 400, body: { error: "email and audience are needed" } };
    return { status: 200, body: mint(email, audience) };
  }
  return { status: 404, body: { error: `${method} ${url} is not here` } };
}

function isBearer(header: string | undefined, secret: string): boolean {
  const given = Buffer.from(header ?? "");
  const wanted = Buffer.from(`Bearer ${secret}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new Error("the request is too large");
  }
  return JSON.parse(text) as Record<string, unknown>;
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { callpathEngine } from "./engine.ts";
import type { SessionHandler } from "./exchange.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { type HttpServer, startHttpServer } from "./server.ts";

const quiet = { onData() {}, onTrailers() {}, onDrain() {}, onClose() {}, onEnd() {} };
const { field } = callpathEngine;

describe("HTTP/1.1 on the same port", () => {
  it("is the same exchange: pseudo-headers, body, answer", async () => {
    await using server = await serve({
      ...quiet,
      onHead(exchange, head) {
        const sent = head.map(({ name, value }) => `${name}=${value}`).join(" ");
        exchange.head([field(":status", "200"), field("x-sent", sent)], false);
      },
      onData(exchange, bytes, end) {
        exchange.release(bytes.length);
        exchange.data(bytes, end);
      },
    });
    const answer = await request(server, "/echo?x=1", { "X-A": "1", te: "trailers" }, "hello");
    assert.equal(answer.body, "hello");
    assert.equal(
      answer.headers["x-sent"],
      `:method=POST :scheme=http :authority=${server.url.host} :path=/echo?x=1 x-a=1 te=trailers content-length=5`,
    );
  });

  it("gives an answer that is only a head content-length 0 (ER-5)", async () => {
    await using server = await serve({
      ...quiet,
      onHead(exchange) {
        exchange.head([field(":status", "200"), field("grpc-status", "12")], true);
      },
    });
    const answer = await request(server, "/", {}, "");
    assert.equal(answer.headers["content-length"], "0");
    assert.equal(answer.headers["grpc-status"], "12");
  });

  it("refuses names with an underscore with 400 and closes, when told to (HD-9)", async () => {
    await using server = await serve({ ...quiet, onHead() {} }, { rejectUnderscores: true });
    const answer = await raw(server, "GET / HTTP/1.1\r\nhost: x\r\nx_a: 1\r\n\r\n");
    assert.match(answer, /^HTTP\/1.1 400 [\s\S]*{"code":400,"message":"Bad Request"}\n$/);
  });

  it("refuses more than 100 fields with 431 and closes (LM-4)", async () => {
    await using server = await serve({ ...quiet, onHead() {} });
    const many = Array.from({ length: 100 }, (_, at) => `x-${at}: 1\r\n`).join("");
    const answer = await raw(server, `GET / HTTP/1.1\r\nhost: x\r\n${many}\r\n`);
    assert.match(
      answer,
      /^HTTP\/1.1 431 [\s\S]*{"code":431,"message":"Request Header Fields Too Large"}\n$/,
    );
  });

  it("refuses a head of more than 60 KiB with 431 and closes (LM-4)", async () => {
    await using server = await serve({ ...quiet, onHead() {} });
    const answer = await raw(
      server,
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${"a".repeat(61440)}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1.1 431 /);
  });
});

function serve(
  handler: SessionHandler<undefined>,
  limits: Partial<Limits> = {},
): Promise<HttpServer> {
  return startHttpServer({
    host: "127.0.0.1",
    port: 0,
    engine: callpathEngine,
    limits: { ...defaultLimits, ...limits },
    handler,
    drainMs: 100,
  });
}

async function request(
  server: HttpServer,
  path: string,
  headers: http.OutgoingHttpHeaders,
  body: string,
) {
  const sent = http.request(new URL(path, server.url), { method: "POST", headers, agent: false });
  sent.end(body);
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    sent.on("response", resolve).on("error", reject);
  });
  return { headers: answer.headers, body: await text(answer) };
}

/** What the server says until it closes. */
async function raw(server: HttpServer, bytes: string): Promise<string> {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.write(bytes);
  return text(socket);
}

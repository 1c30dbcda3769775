import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { InventoryService } from "../../test/other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";
import { openLocalCa } from "../emulator/ca.ts";
import { answerOf, connectRaw } from "./raw-client-fixture.test.ts";
import { startTestServer } from "./server-fixture.test.ts";

const path = "/acme.inventory.v1.InventoryService/GetItem";

/** One request over HTTP/1.1 on a connection of its own. */
async function http1(url: URL, type: string | undefined, method = "POST") {
  const response = await fetch(new URL(path, url), {
    method,
    headers: { connection: "close", ...(type === undefined ? {} : { "content-type": type }) },
    ...(method === "POST" ? { body: "{}" } : {}),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe("a server that answers gRPC alone", () => {
  for (const [protocol, httpVersion] of [
    ["Connect", "1.1"],
    ["Connect", "2"],
    ["gRPC-Web", "1.1"],
    ["gRPC-Web", "2"],
  ] as const)
    for (const kind of ["unary", "streaming"])
      it(`refuses ${protocol} over HTTP/${httpVersion} in words its own client shows (${kind})`, async () => {
        await using server = await startTestServer();
        const options = { baseUrl: server.url.origin, httpVersion, idleConnectionTimeoutMs: 1 };
        const transport =
          protocol === "Connect"
            ? createConnectTransport(options)
            : createGrpcWebTransport(options);
        const client = createClient(InventoryService, transport);
        const call = kind === "unary" ? client.getItem({}) : Array.fromAsync(client.listItems({}));
        await assert.rejects(call, {
          message: `[unimplemented] this server answers gRPC only (application/grpc over HTTP/2); this is ${protocol}`,
        });
        const [entry] = await server.logged(1);
        assert.equal(entry?.severity, "WARNING");
        assert.partialDeepStrictEqual(entry?.callpath, {
          rejection: { hop: "server", reason: "UNSUPPORTED_PROTOCOL" },
        });
      });

  it("tells gRPC over HTTP/1.1 that it needs HTTP/2", async () => {
    await using server = await startTestServer();
    const { status, text } = await http1(server.url, "application/grpc");
    assert.equal(status, 505);
    assert.match(text, /gRPC only over HTTP\/2/);
  });

  it("tells a browser what it is", async () => {
    await using server = await startTestServer();
    for (const [type, method] of [
      [undefined, "GET"],
      ["text/plain", "POST"],
    ] as const) {
      const { status, text, headers } = await http1(server.url, type, method);
      assert.equal(status, 415);
      assert.match(text, /answers gRPC only/);
      assert.match(headers.get("content-type") ?? "", /text\/plain/);
    }
    await using client = await connectRaw(server.url);
    const stream = client.open(path, ["content-type", "text/html"]);
    stream.end();
    const answer = await answerOf(stream);
    assert.equal(answer.headers[":status"], 415);
    assert.match(answer.body.toString(), /answers gRPC only/);
  });

  it("outlives connections that speak nothing it knows", async () => {
    await using server = await startTestServer();
    for (const bytes of ["", "P", "PRI * HTTP/3.0\r\n\r\n", "\x16\x03\x01\x00", "GET"]) {
      const socket = connectTcp({ host: "127.0.0.1", port: Number(server.url.port) });
      socket.on("error", () => {});
      await new Promise<void>((resolve) => {
        socket.once("connect", () => socket.end(bytes, "latin1"));
        socket.once("close", () => resolve());
        socket.resume();
      });
    }
    const { status } = await http1(server.url, undefined, "GET");
    assert.equal(status, 415);
  });

  it("takes a preface that comes byte by byte", async () => {
    await using server = await startTestServer();
    const socket = connectTcp({ host: "127.0.0.1", port: Number(server.url.port), noDelay: true });
    const first = new Promise<Buffer>((resolve) => socket.once("data", resolve));
    for (const byte of "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])); // SETTINGS
    assert.equal((await first)[3], 4); // its own SETTINGS
    socket.destroy();
  });
});

describe("a server that was told of other protocols", () => {
  it("answers them, over HTTP/1.1 and HTTP/2, and gRPC as before", async () => {
    await using server = await startTestServer({ protocols: ["grpc", "grpc-web", "connect"] });
    const baseUrl = server.url.origin;
    for (const httpVersion of ["1.1", "2"] as const) {
      const options = { baseUrl, httpVersion, idleConnectionTimeoutMs: 1 };
      for (const transport of [
        createConnectTransport(options),
        createGrpcWebTransport(options),
        createGrpcTransport({ baseUrl, idleConnectionTimeoutMs: 1 }),
      ]) {
        const client = createClient(InventoryService, transport);
        assert.equal((await client.getItem({ sku: "saw" })).item?.sku, "saw");
        assert.equal((await Array.fromAsync(client.listItems({}))).length, 3);
      }
    }
    assert.equal((await server.logged(12)).length, 12);
  });

  it("still refuses the one that it was not told of", async () => {
    await using server = await startTestServer({ protocols: ["grpc", "connect"] });
    const { headers } = await http1(server.url, "application/grpc-web+proto");
    assert.equal(headers.get("grpc-status"), "12");
  });
});

describe("TLS", () => {
  it("serves HTTP/2 by ALPN, and refuses HTTP/1.1 as clearly as in cleartext", async () => {
    const folder = mkdtempSync(join(tmpdir(), "callpath-server-"));
    try {
      const ca = openLocalCa(folder, { nowMs: Date.now });
      await using server = await startTestServer({ tls: ca.issue(["127.0.0.1"]) });
      assert.equal(server.url.protocol, "https:");
      const transport = createGrpcTransport({
        baseUrl: server.url.origin,
        nodeOptions: { ca: ca.certPem },
        idleConnectionTimeoutMs: 1,
      });
      const client = createClient(InventoryService, transport);
      assert.equal((await client.getItem({ sku: "saw" })).item?.sku, "saw");

      const status = await new Promise((resolve, reject) => {
        const agent = new Agent({ keepAlive: false });
        request(new URL(path, server.url), { ca: ca.certPem, agent }, (response) => {
          response.resume().once("close", () => resolve(response.statusCode));
        })
          .once("error", reject)
          .end();
      });
      assert.equal(status, 415);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { describe, it } from "node:test";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { InventoryService } from "../../test/other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";
import {
  answerOf,
  connectRaw,
  framed,
  getItemPath,
  grpc,
  hammer,
} from "./raw-client-fixture.test.ts";
import { serving, startTestServer } from "./server-fixture.test.ts";

const path = (method: string): string => `/acme.inventory.v1.InventoryService/${method}`;

/** Methods that answer when they are told to. */
function held() {
  const release = Promise.withResolvers<void>();
  const running: (() => void)[] = [];
  let count = 0;
  return {
    release: () => release.resolve(),
    /** Resolves when that many calls are in the implementation. */
    async running(wanted: number): Promise<void> {
      while (count < wanted) await new Promise<void>((resolve) => running.push(resolve));
    },
    routes: serving({
      async getItem() {
        count++;
        for (const told of running.splice(0)) told();
        await release.promise;
        return {};
      },
      async *listItems() {
        yield {};
        count++;
        for (const told of running.splice(0)) told();
        await release.promise;
        yield {};
      },
    }),
  };
}

describe("drain", () => {
  it("calls in flight end by their own answer; no connection is accepted meanwhile", async () => {
    const { routes, release, running } = held();
    const server = await startTestServer({ routes });
    await using client = await connectRaw(server.url);
    const unary = client.open(getItemPath, grpc);
    unary.end(hammer);
    const stream = client.open(path("ListItems"), grpc);
    stream.end(framed(Buffer.alloc(0)));
    const answers = Promise.all([answerOf(unary), answerOf(stream)]);
    await running(2);

    const goaway = once(client.session, "goaway");
    const stopped = server[Symbol.asyncDispose]();
    const [code, lastStream] = await goaway;
    assert.equal(code, 0);
    assert.equal(lastStream, 2 ** 31 - 1, "the first GOAWAY only says that another one will come");
    const late = connectTcp({ host: "127.0.0.1", port: Number(server.url.port) });
    const [error] = await once(late, "error");
    assert.equal(error.code, "ECONNREFUSED");

    release();
    for (const answer of await answers) {
      assert.equal(answer.grpcStatus, 0);
      assert.equal(answer.resetCode, 0);
    }
    await stopped;
    assert.deepEqual(
      server.entries.map(({ severity }) => severity),
      ["INFO", "INFO"],
    );
  });

  it("new calls of a client are UNAVAILABLE", async () => {
    const server = await startTestServer();
    const transport = createGrpcTransport({ baseUrl: server.url.origin });
    const client = createClient(InventoryService, transport);
    await client.getItem({ sku: "saw" });
    await server[Symbol.asyncDispose]();
    await assert.rejects(client.getItem({ sku: "saw" }), { code: Code.Unavailable });
  });

  it("what lasts longer than the bound is answered with 14, and the implementation is told", async () => {
    const { routes, running } = held();
    const server = await startTestServer({ routes, drainMs: 30 });
    await using client = await connectRaw(server.url);
    const unary = client.open(getItemPath, grpc);
    unary.end(hammer);
    const stream = client.open(path("ListItems"), grpc);
    stream.end(framed(Buffer.alloc(0)));
    const answers = Promise.all([answerOf(unary), answerOf(stream)]);
    await running(2);
    await server[Symbol.asyncDispose]();
    const [first, second] = await answers;
    assert.equal(first.grpcStatus, Code.Unavailable);
    assert.equal(first.grpcMessage, "the server is shutting down");
    assert.ok(first.isTrailersOnly);
    assert.equal(second.grpcStatus, Code.Unavailable);
    assert.ok(second.body.byteLength > 0, "its first message was answered");
    assert.match(server.entries.at(-1)?.message ?? "", /^2 calls lasted longer than the 30 ms/);
  });

  it("idle connections, HTTP/1.1 ones and ones that say nothing hold it up for no time", async () => {
    const server = await startTestServer({ drainMs: 60_000, protocols: ["grpc", "connect"] });
    const port = Number(server.url.port);
    await using client = await connectRaw(server.url);
    const idle = client.open(getItemPath, grpc);
    idle.end(hammer);
    await answerOf(idle);
    const http1 = connectTcp({ host: "127.0.0.1", port });
    http1.write(
      "POST /x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    );
    const [head] = await once(http1, "data");
    assert.match(String(head), /^HTTP\/1\.1 404/);
    const silent = connectTcp({ host: "127.0.0.1", port });
    await once(silent, "connect");
    const closed = [http1, silent].map((socket) => once(socket.resume(), "close"));
    await server[Symbol.asyncDispose]();
    await Promise.all(closed);
  });

  it("is done once, however often it is asked for", async () => {
    const server = await startTestServer();
    await Promise.all([server[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
    await server[Symbol.asyncDispose]();
  });
});

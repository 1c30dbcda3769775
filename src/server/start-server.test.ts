import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  answerOf,
  callRaw,
  connectRaw,
  framed,
  getItemPath,
  grpc,
  hammer,
} from "./raw-client-fixture.test.ts";
import { routes, serving, startTestServer } from "./server-fixture.test.ts";
import { methodsOf } from "./start-server.ts";

const service = "acme.inventory.v1.InventoryService";
describe("startServer", () => {
  it("answers in frames that every gRPC client takes: HEADERS, DATA, trailers", async () => {
    await using server = await startTestServer();
    const answer = await callRaw(server.url, []);
    assert.equal(answer.headers[":status"], 200);
    assert.match(String(answer.headers["content-type"]), /^application\/grpc\+proto$/);
    assert.equal(answer.headers["inventory-header"], "val");
    assert.equal(answer.trailers?.["inventory-trailer"], "val");
    assert.equal(answer.grpcStatus, 0);
    assert.equal(answer.isTrailersOnly, false);
    assert.equal(answer.resetCode, 0);
    assert.ok(answer.body.byteLength > 5);
  });

  it("an answer without messages and headers is one HEADERS frame that ends the stream", async () => {
    await using server = await startTestServer({
      routes: serving({
        getItem: () => {
          throw new ConnectError("gone", Code.NotFound, { "x-reason": "sold" });
        },
      }),
    });
    const answer = await callRaw(server.url, []);
    assert.ok(answer.isTrailersOnly);
    assert.equal(answer.trailers, undefined);
    assert.equal(answer.body.byteLength, 0);
    assert.equal(answer.grpcStatus, Code.NotFound);
    assert.equal(answer.grpcMessage, "gone");
    assert.equal(answer.headers["x-reason"], "sold");
  });

  it("an error after the implementation set a header keeps header and trailers apart", async () => {
    await using server = await startTestServer();
    await using client = await connectRaw(server.url);
    const stream = client.open(getItemPath, grpc);
    stream.end(framed(Buffer.from([0x0a, 1, 0x78]))); // sku "x"
    const answer = await answerOf(stream);
    assert.equal(answer.isTrailersOnly, false);
    assert.equal(answer.headers["inventory-header"], "val");
    assert.equal(answer.headers["grpc-status"], undefined);
    assert.equal(answer.trailers?.["inventory-trailer"], "val");
    assert.equal(answer.grpcMessage, "no item x");
  });

  it("escapes grpc-message as little as gRPC asks", async () => {
    const message = 'Resource "projects/p/locations/l" a=b&c: größer, 100 %';
    await using server = await startTestServer({
      routes: serving({
        getItem: () => {
          throw new ConnectError(message, Code.AlreadyExists);
        },
      }),
    });
    const { grpcMessage } = await callRaw(server.url, []);
    assert.equal(grpcMessage, 'Resource "projects/p/locations/l" a=b&c: gr%C3%B6%C3%9Fer, 100 %25');
  });

  it("an error text of any length reaches the caller, cut", async () => {
    await using server = await startTestServer({
      routes: serving({
        getItem: () => {
          throw new ConnectError("ö".repeat(200_000), Code.Internal);
        },
      }),
    });
    const { grpcMessage, grpcStatus } = await callRaw(server.url, []);
    assert.equal(grpcStatus, Code.Internal);
    assert.match(decodeURIComponent(grpcMessage ?? ""), /^ö{1000,}$/);
  });

  it("what an implementation throws is in the log, and nowhere else", async () => {
    await using server = await startTestServer({
      routes: serving({
        getItem: () => {
          throw new Error("the database is at db.internal");
        },
        async *listItems() {
          yield {};
          throw new Error("the cursor at db.internal is lost");
        },
      }),
    });
    for (const [path, text] of [
      [getItemPath, /the database is at db\.internal\n\s+at /],
      [`/${service}/ListItems`, /the cursor at db\.internal is lost\n\s+at /],
    ] as const) {
      await using client = await connectRaw(server.url);
      const stream = client.open(path, grpc);
      stream.end(framed(Buffer.alloc(0)));
      const answer = await answerOf(stream);
      assert.equal(answer.grpcStatus, Code.Internal);
      assert.equal(answer.grpcMessage, "internal error");
      const entry = (await server.logged(path === getItemPath ? 1 : 2)).at(-1);
      assert.equal(entry?.severity, "ERROR");
      assert.match(String(entry?.stack_trace), text);
    }
  });

  for (const where of ["responseHeader", "responseTrailer"] as const)
    it(`a field that HTTP/2 forbids, set in ${where}, ends that call and no other`, async () => {
      await using server = await startTestServer({
        routes: serving({
          getItem: (_request, context) => {
            context[where].set("connection", "close");
            return {};
          },
        }),
      });
      await using client = await connectRaw(server.url);
      for (let i = 0; i < 2; i++) {
        const stream = client.open(getItemPath, grpc);
        stream.end(hammer);
        const answer = await answerOf(stream);
        assert.ok(answer.grpcStatus === Code.Internal || answer.resetCode === 2);
      }
    });

  it("a path that is none of its methods answers 12, naming what is missing", async () => {
    await using server = await startTestServer();
    await using client = await connectRaw(server.url);
    for (const [path, message] of [
      ["/acme.Nope/Get", "unknown service acme.Nope"],
      [`/${service}/Nope`, `unknown method Nope for service ${service}`],
      ["/", "unknown service "],
    ] as const) {
      const stream = client.open(path, grpc);
      stream.end(hammer);
      const answer = await answerOf(stream);
      assert.equal(answer.grpcStatus, Code.Unimplemented);
      assert.equal(
        answer.grpcMessage,
        message.trimEnd() === message ? message : "unknown service%20",
      );
      assert.ok(answer.isTrailersOnly);
    }
  });

  it("allows 10 streams a connection, or as many as it is told", async () => {
    for (const [options, streams] of [
      [{}, 10],
      [{ maxStreams: 3 }, 3],
    ] as const) {
      await using server = await startTestServer(options);
      await using client = await connectRaw(server.url);
      if (client.session.pendingSettingsAck) await once(client.session, "localSettings");
      assert.equal(client.session.remoteSettings?.maxConcurrentStreams, streams);
    }
  });

  it("refuses a message that is too large with 8, and the connection serves on: no window leaks", async () => {
    await using server = await startTestServer({ maxMessageBytes: 1000 });
    await using client = await connectRaw(server.url);
    for (let i = 0; i < 20; i++) {
      const stream = client.open(getItemPath, grpc);
      stream.end(framed(Buffer.alloc(200_000)));
      const answer = await answerOf(stream);
      assert.equal(answer.grpcStatus, Code.ResourceExhausted);
    }
    const stream = client.open(getItemPath, grpc);
    stream.end(hammer);
    assert.equal((await answerOf(stream)).grpcStatus, 0);
  });

  it("tells the implementation when the caller goes away, and logs it as cancelled", async () => {
    const { promise: aborted, resolve } = Promise.withResolvers<unknown>();
    const { promise: running, resolve: run } = Promise.withResolvers<void>();
    await using server = await startTestServer({
      routes: serving({
        getItem: (_request, { signal }) => {
          signal.addEventListener("abort", () => resolve(signal.reason));
          run();
          return new Promise(() => {});
        },
      }),
    });
    await using client = await connectRaw(server.url);
    const stream = client.open(getItemPath, grpc);
    stream.on("error", () => {});
    stream.end(hammer);
    await running;
    stream.close(8);
    assert.equal(ConnectError.from(await aborted).code, Code.Canceled);
    assert.match((await server.logged(1))[0]?.message ?? "", /GetItem CANCELLED by the caller/);
  });

  it("lists the methods that access.yaml may name", () => {
    const methods = ["GetItem", "ListItems", "AddItems", "TrackItems"];
    assert.deepEqual(
      methodsOf(routes),
      methods.map((method) => `${service}.${method}`),
    );
  });

  it("rejects where the port cannot be had", async () => {
    await using server = await startTestServer();
    const port = Number(server.url.port);
    await assert.rejects(startTestServer({ port }), { code: "EADDRINUSE" });
  });
});

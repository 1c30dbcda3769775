import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "./gen/grpc/health/v1/health_pb.ts";
import { ServerHealth } from "./health.ts";
import { startTestServer } from "./server-fixture.test.ts";

const service = "acme.inventory.v1.InventoryService";

describe("grpc.health.v1.Health", () => {
  it("Check: the server, each of its services and itself are SERVING; others NOT_FOUND", async () => {
    await using server = await startTestServer();
    const transport = createGrpcTransport({
      baseUrl: server.url.origin,
      idleConnectionTimeoutMs: 1,
    });
    const health = createClient(Health, transport);
    for (const name of ["", service, "grpc.health.v1.Health"])
      assert.equal((await health.check({ service: name })).status, Status.SERVING);
    await assert.rejects(health.check({ service: "nope" }), { code: Code.NotFound });
  });

  it("from the stop on: NOT_SERVING", async () => {
    const health = new ServerHealth([service]);
    const client = createClient(
      Health,
      createRouterTransport((router) => router.service(Health, health.implementation)),
    );
    assert.equal((await client.check({ service })).status, Status.SERVING);
    health.stop();
    for (const name of ["", service])
      assert.equal((await client.check({ service: name })).status, Status.NOT_SERVING);
  });

  it("Watch: the status, then NOT_SERVING when the server stops, and the watch holds up no drain", async () => {
    const server = await startTestServer({ drainMs: 60_000 });
    const transport = createGrpcTransport({ baseUrl: server.url.origin });
    const health = createClient(Health, transport);
    const known = health.watch({ service })[Symbol.asyncIterator]();
    const unknown = health.watch({ service: "nope" })[Symbol.asyncIterator]();
    assert.equal((await known.next()).value?.status, Status.SERVING);
    assert.equal((await unknown.next()).value?.status, Status.SERVICE_UNKNOWN);

    const stopped = server[Symbol.asyncDispose]();
    assert.equal((await known.next()).value?.status, Status.NOT_SERVING);
    for (const watch of [known, unknown])
      await assert.rejects(watch.next(), { code: Code.Unavailable });
    await stopped;
  });

  it("Watch ends when its caller goes away", async () => {
    await using server = await startTestServer();
    const transport = createGrpcTransport({
      baseUrl: server.url.origin,
      idleConnectionTimeoutMs: 1,
    });
    const caller = new AbortController();
    const watch = createClient(Health, transport).watch({}, { signal: caller.signal });
    const statuses = watch[Symbol.asyncIterator]();
    await statuses.next();
    caller.abort();
    await assert.rejects(
      statuses.next(),
      (error) => ConnectError.from(error).code === Code.Canceled,
    );
  });
});

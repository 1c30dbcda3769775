import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nowMs } from "./issuer-fixture.test.ts";
import {
  answerOf,
  callRaw,
  connectRaw,
  getItemPath,
  grpc,
  hammer,
} from "./raw-client-fixture.test.ts";
import { startTestServer } from "./server-fixture.test.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

describe("the log line of a call", () => {
  it("is what Cloud Logging reads, with the traffic event in callpath", async () => {
    await using server = await startTestServer({
      projectId: "my-project",
      revision: "inventory-00001-kow",
      instanceId: "00bf4bf02d01cf61",
    });
    await callRaw(server.url, [
      "traceparent",
      `00-${traceId}-00f067aa0ba902b7-01`,
      "user-agent",
      "grpc-go/1.85.0",
    ]);
    assert.deepEqual(JSON.parse(JSON.stringify(await server.logged(1))), [
      {
        severity: "INFO",
        message: "acme.inventory.v1.InventoryService/GetItem OK in 0 ms",
        time: new Date(nowMs).toISOString(),
        "logging.googleapis.com/trace": `projects/my-project/traces/${traceId}`,
        "logging.googleapis.com/spanId": "00f067aa0ba902b7",
        "logging.googleapis.com/trace_sampled": true,
        httpRequest: {
          requestMethod: "POST",
          requestUrl: `${server.url.origin}${getItemPath}`,
          status: 200,
          responseSize: "50",
          userAgent: "grpc-go/1.85.0",
          remoteIp: "127.0.0.1",
          latency: "0.000s",
          protocol: "HTTP/2.0",
        },
        callpath: {
          hop: "server",
          traceId,
          path: getItemPath,
          startedAtMs: nowMs,
          durationMs: 0,
          grpcStatus: 0,
          httpStatus: 200,
          revision: "inventory-00001-kow",
          instanceId: "00bf4bf02d01cf61",
        },
      },
    ]);
  });

  it("keeps the trace id, but links it to nothing, where the project is unknown", async () => {
    await using server = await startTestServer();
    await callRaw(server.url, ["x-cloud-trace-context", `${traceId}/1;o=1`]);
    const [entry] = await server.logged(1);
    assert.partialDeepStrictEqual(entry?.callpath, { traceId });
    assert.ok(entry && !("logging.googleapis.com/trace" in entry));
  });

  it("holds no query: it may hold a token", async () => {
    await using server = await startTestServer();
    await using client = await connectRaw(server.url);
    const stream = client.open(`${getItemPath}?access_token=secret`, grpc);
    stream.end(hammer);
    assert.equal((await answerOf(stream)).grpcStatus, 0);
    assert.doesNotMatch(JSON.stringify(await server.logged(1)), /secret/);
  });

  it("is written once a call, also for calls that no method served", async () => {
    await using server = await startTestServer();
    await using client = await connectRaw(server.url);
    for (const [path, headers] of [
      ["/nope.Nope/Nope", grpc],
      [getItemPath, ["content-type", "application/json"]],
      [getItemPath, []],
    ] as const) {
      const stream = client.open(path, headers);
      stream.end(hammer);
      await answerOf(stream);
    }
    await server.logged(3);
    assert.equal(server.entries.length, 3);
    for (const { severity } of server.entries) assert.equal(severity, "WARNING");
  });
});

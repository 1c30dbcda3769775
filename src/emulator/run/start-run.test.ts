import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import process from "node:process";
import { describe, it } from "node:test";
import { ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import { canConnect, endOf } from "./container-fixture.test.ts";
import {
  as,
  concurrency,
  instances,
  serviceName,
  startTestRun,
  timeout,
  together,
} from "./run-fixture.test.ts";

describe("startRun", () => {
  it("stops everything of a service that is deleted", async () => {
    await using test = await startTestRun();
    const { url } = await test.deploy();
    test.store.delete(ServiceSchema, serviceName);
    await test.line(/^bye$/);
    assert.equal(test.store.addressOf(serviceName), undefined);
    assert.equal(await canConnect(Number(url.port)), false);
  });

  it("ends a call that has no answer after the request timeout with 504", async () => {
    await using test = await startTestRun();
    await test.deploy(timeout(150));
    const answer = await test.call("/hang/on", as(test));
    assert.equal(answer.status, 504);
    assert.equal(answer.body, "upstream request timeout");
    const { rejection } = await test.eventOf("/hang/on");
    assert.equal(rejection?.reason, "RUN_TIMEOUT");
    assert.match(rejection?.detail ?? "", /0\.15 s/);
  });

  it("cuts a stream after the request timeout, and it never ends as OK", async () => {
    await using test = await startTestRun();
    await test.deploy(timeout(150));
    const stream = test.open("/stream/on", as(test));
    let trailers: unknown;
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("error", () => {});
    stream.resume();
    await once(stream, "close");
    assert.notEqual(stream.rstCode, http2.constants.NGHTTP2_NO_ERROR);
    assert.equal(trailers, undefined);
    assert.equal((await test.eventOf("/stream/on")).rejection?.reason, "RUN_TIMEOUT");
  });

  it("does not wait for a caller that went away while its call waited", async () => {
    const test = await startTestRun({ drainMs: 100, graceMs: 200 });
    await test.deploy(together(instances(1, 1), concurrency(1)));
    const first = test.open("/slow/50", as(test));
    await test.line(/slow begins/);
    const waiting = test.open("/wait/ing", as(test));
    const ends = [endOf(first), endOf(waiting)];
    waiting.end("all of it");
    const gone = test.open("/gone/away", as(test));
    gone.on("error", () => {});
    gone.close(http2.constants.NGHTTP2_CANCEL);
    await test.eventOf("/gone/away");
    await test[Symbol.asyncDispose]();
    assert.deepEqual(await Promise.all(ends), ["reset", "reset"]);
  });

  it("does not wait for a container that never listens", async () => {
    const test = await startTestRun();
    const deploying = test.deploy(({ template }) => {
      const [container] = template?.containers ?? [];
      if (container !== undefined) container.command = ["echo waiting; exec sleep 100"];
    });
    const refused = assert.rejects(deploying, /was replaced or stopped before it served/);
    await test.line(/^waiting$/);
    await test[Symbol.asyncDispose]();
    await refused;
  });

  it("is all gone when it is disposed: instances that are deaf, streams that are open, ports", async () => {
    const test = await startTestRun({ drainMs: 100, graceMs: 200 });
    const { url } = await test.deploy(instances(2, 2));
    const facts = test.run.instancesOf(serviceName);
    const stream = test.open("/stream/open", as(test));
    stream.on("error", () => {});
    await once(stream, "data");
    await test[Symbol.asyncDispose]();
    for (const { pid, port } of facts) {
      assert.ok(pid);
      assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
      assert.equal(await canConnect(port), false);
    }
    assert.equal(await canConnect(Number(url.port)), false);
  });
});

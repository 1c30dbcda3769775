import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import process from "node:process";
import { describe, it } from "node:test";
import { callpathEngine } from "../../http2/engine.ts";
import { nodeEngine } from "../../http2/node-engine.ts";
import { answerOf, echoOf, endOf, rstCodeOf } from "./container-fixture.test.ts";
import { inProcess } from "./in-process-fixture.test.ts";
import { defaultRevisionTimes } from "./revision-times.ts";
import {
  as,
  concurrency,
  env,
  instances,
  serviceName,
  startTestRun,
  together,
} from "./run-fixture.test.ts";

const path = "/echo.EchoServer/SayHello";

const quick = { ...defaultRevisionTimes, firstPauseMs: 20, longestPauseMs: 100 };

describe("RunningRevision", () => {
  it("runs them with Cloud Run's environment and leads calls to them in turn over one channel", async () => {
    await using test = await startTestRun();
    const { revision } = await test.deploy(together(instances(3, 3), env("GREETING", "hi")));
    assert.match(revision, /^echo-00001-[a-z]{3}$/);
    const seen = new Map<string, number>();
    for (let call = 0; call < 9; call++) {
      const echo = echoOf(await test.call(path, as(test)));
      assert.match(echo.id, /^[0-9a-f]{16,}$/);
      assert.partialDeepStrictEqual(echo, {
        K_SERVICE: "echo",
        K_CONFIGURATION: "echo",
        K_REVISION: revision,
        GREETING: "hi",
      });
      seen.set(echo.id, (seen.get(echo.id) ?? 0) + 1);
    }
    assert.deepEqual([...seen.values()], [3, 3, 3]);
    assert.deepEqual(
      test.run
        .instancesOf(serviceName)
        .map(({ id }) => id)
        .sort(),
      [...seen.keys()].sort(),
    );
  });

  it("tells each line they write, with who wrote it", async () => {
    await using test = await startTestRun();
    const { revision } = await test.deploy();
    const [instance] = test.run.instancesOf(serviceName);
    assert.deepEqual(await test.line(/^listening$/), {
      service: "echo",
      revision,
      instanceId: instance?.id,
      stream: "stdout",
      text: "listening",
    });
  });

  it("starts one when a call comes, and stops it when none came for a while", async () => {
    await using test = await startTestRun({ times: { ...quick, idleMs: 30 } });
    await test.deploy(instances(0, 1));
    await test.line(/^bye$/);
    assert.deepEqual(test.run.instancesOf(serviceName), []);
    assert.equal((await test.call(path, as(test))).status, 200);
  });

  it("adds instances while calls need them, up to the maximum, then answers 429", async () => {
    await using test = await startTestRun({ times: { ...quick, queueMs: 50 } });
    await test.deploy(together(instances(1, 2), concurrency(1)));
    const hanging = [test.open("/hang/1", as(test)), test.open("/hang/2", as(test))];
    const ends = hanging.map(endOf);
    await test.line(/hanging/);
    const third = await test.call("/third/call", as(test));
    assert.equal(third.status, 429);
    assert.equal(third.body, "Rate exceeded.");
    const { rejection } = await test.eventOf("/third/call");
    assert.equal(rejection?.reason, "RUN_NO_INSTANCE");
    assert.match(rejection?.detail ?? "", /at most 2 instances with 1 calls each/);
    assert.match(rejection?.fix ?? "", /max_instance_count/);
    assert.deepEqual(
      test.run.instancesOf(serviceName).map(({ inFlight }) => inFlight),
      [1, 1],
    );
    for (const stream of hanging) stream.close(http2.constants.NGHTTP2_CANCEL);
    assert.deepEqual(await Promise.all(ends), ["reset", "reset"]);
    assert.equal((await test.call("/fourth/call", as(test))).status, 200);
  });

  it("keeps what a waiting call sends, and forgets a caller that goes away", async () => {
    await using test = await startTestRun();
    await test.deploy(together(instances(1, 1), concurrency(1)));
    const first = test.open("/slow/200", as(test));
    await test.line(/slow begins/);
    const gone = test.open("/gone/away", as(test));
    const goneEnd = endOf(gone);
    const waiting = test.open("/wait/ing", as(test));
    waiting.end("all of it");
    const answer = answerOf(waiting);
    gone.close(http2.constants.NGHTTP2_CANCEL);
    assert.equal(await goneEnd, "reset");
    assert.equal((await test.eventOf("/gone/away")).httpStatus, undefined);
    first.end();
    assert.equal((await answerOf(first)).status, 200);
    assert.equal((await answer).status, 200);
    assert.equal(test.run.instancesOf(serviceName)[0]?.inFlight, 0);
  });

  it("runs what a test launches in its own process", async () => {
    await using test = await startTestRun({ world: inProcess() });
    await test.deploy();
    const answer = await test.call(path, as(test));
    assert.equal(answer.body, "in process");
  });
});

describe("RunningRevision: instances that fail", () => {
  for (const engine of [callpathEngine, nodeEngine]) {
    it(`ends unary calls of a killed instance with 503, resets its streams, and touches no others (${engine.name})`, async () => {
      await using test = await startTestRun({ engine });
      await test.deploy(instances(3, 3));
      const victim = test.run.instancesOf(serviceName)[0];
      assert.ok(victim?.pid);
      // One unary call and one stream on each instance.
      const unary = await Promise.all(
        [0, 1, 2].map(async (n) => {
          const stream = test.open(`/hang/${n}`, as(test));
          return { end: endOf(stream), stream };
        }),
      );
      const streams = [0, 1, 2].map((n) => test.open(`/stream/${n}`, as(test)));
      const heads = await Promise.all(streams.map((stream) => once(stream, "data")));
      assert.equal(heads.length, 3);
      const streamEnds = streams.map(rstCodeOf);
      process.kill(-victim.pid, "SIGKILL");
      const lostUnary = await Promise.race(unary.map(({ end }) => end));
      assert.notEqual(lostUnary, "reset");
      assert.partialDeepStrictEqual(lostUnary, { status: 503 });
      const lost = test.events.filter(({ instanceId }) => instanceId === victim.id);
      assert.deepEqual(
        lost.map(({ rejection }) => rejection?.reason),
        ["RUN_CONTAINER_ERROR", "RUN_CONTAINER_ERROR"],
      );
      assert.match(lost[0]?.rejection?.detail ?? "", new RegExp(`instance ${victim.id} was lost`));
      const reset = await Promise.race(streamEnds);
      assert.notEqual(reset, http2.constants.NGHTTP2_NO_ERROR);
      assert.equal(test.events.length, 2, "calls elsewhere go on");
      // And new calls are answered all the while.
      const after = await Promise.all(Array.from({ length: 20 }, () => test.call(path, as(test))));
      assert.deepEqual(new Set(after.map(({ status }) => status)), new Set([200]));
      for (const { stream } of unary) stream.close(http2.constants.NGHTTP2_CANCEL);
      for (const stream of streams) stream.close(http2.constants.NGHTTP2_CANCEL);
      await Promise.all(unary.map(({ end }) => end));
    });
  }

  it("fails only calls of a killed instance, also under load", async () => {
    await using test = await startTestRun();
    await test.deploy(instances(3, 3));
    const [victim] = test.run.instancesOf(serviceName);
    assert.ok(victim?.pid);
    const { pid } = victim;
    const caller = async (): Promise<void> => {
      for (let n = 0; n < 8; n++) await test.call("/slow/50", as(test));
    };
    const load = Promise.all(Array.from({ length: 10 }, caller));
    await test.line(/slow begins/, victim.id);
    process.kill(-pid, "SIGKILL");
    await load;
    const failed = test.events.filter(({ httpStatus }) => httpStatus !== 200);
    assert.equal(test.events.length, 80);
    assert.ok(failed.length > 0 && failed.length < 10, `${failed.length} failed`);
    for (const { httpStatus, instanceId, rejection } of failed) {
      assert.deepEqual([httpStatus, instanceId], [503, victim.id]);
      assert.equal(rejection?.reason, "RUN_CONTAINER_ERROR");
    }
  });

  it("replaces a crashed one, and says what it last wrote", async () => {
    await using test = await startTestRun();
    await test.deploy(instances(1, 1));
    const [before] = test.run.instancesOf(serviceName);
    const answer = await test.call("/crash/now", as(test));
    assert.equal(answer.status, 503);
    assert.match(answer.body, /^upstream connect error or disconnect\/reset before headers/);
    const echo = echoOf(await test.call(path, as(test)));
    assert.notEqual(echo.id, before?.id);
    assert.match(
      test.said.join("\n"),
      /ended: exit code 3[\s\S]*boom: out of luck[\s\S]*restarted/,
    );
  });

  it("loses no call when an instance is told to stop by somebody else", async () => {
    await using test = await startTestRun();
    await test.deploy(instances(2, 2));
    const [one] = test.run.instancesOf(serviceName);
    assert.ok(one?.pid);
    const slow = [test.call("/slow/150", as(test)), test.call("/slow/150", as(test))];
    await test.line(/slow begins/);
    process.kill(one.pid, "SIGTERM");
    await test.line(/^SIGTERM$/);
    const after = Array.from({ length: 20 }, () => test.call(path, as(test)));
    const answers = await Promise.all([...slow, ...after]);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  });

  it("answers 503 with the container's words while all of them keep crashing", async () => {
    await using test = await startTestRun({
      times: { ...quick, firstPauseMs: 60_000, longestPauseMs: 60_000 },
    });
    await test.deploy(instances(1, 1));
    await test.call("/crash/first", as(test));
    await test.call("/crash/second", as(test));
    const answer = await test.call("/after/that", as(test));
    assert.equal(answer.status, 503);
    assert.match(answer.body, /The service you requested is not available yet/);
    const { rejection } = await test.eventOf("/after/that");
    assert.equal(rejection?.reason, "RUN_START_FAILED");
    assert.match(rejection?.detail ?? "", /boom: out of luck/);
  });
});

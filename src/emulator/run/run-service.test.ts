import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Condition_State } from "../../google/gen/google/cloud/run/v2/condition_pb.ts";
import { ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import { type Answer, answerOf, echoOf } from "./container-fixture.test.ts";
import { as, env, instances, serviceName, startTestRun, together } from "./run-fixture.test.ts";

const path = "/echo.EchoServer/SayHello";

describe("RunService", () => {
  it("serves by a new revision when it is ready, and lets the old one finish", async () => {
    await using test = await startTestRun();
    const old = await test.deploy(together(instances(2, 2), env("GREETING", "old")));
    const before = test.run.instancesOf(serviceName);
    const slow = test.open("/slow/700", as(test));
    slow.end();
    const slowAnswer = answerOf(slow);
    await test.line(/slow begins/);
    const all: Promise<Answer>[] = [];
    let isRolling = true;
    const load = (async () => {
      while (isRolling) {
        const call = test.call(path, as(test));
        all.push(call);
        await call;
      }
    })();
    const next = await test.deploy(together(instances(2, 2), env("GREETING", "new")));
    isRolling = false;
    await load;
    assert.match(next.revision, /^echo-00002-/);
    const answers = await Promise.all(all);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(echoOf(await test.call(path, as(test))).GREETING, "new");
    assert.equal(echoOf(await slowAnswer).K_REVISION, old.revision);
    await Promise.all(before.map(({ id }) => test.line(/^bye$/, id)));
  });

  it("keeps the old one serving when the new one cannot start, and says why", async () => {
    await using test = await startTestRun();
    await test.deploy(env("GREETING", "old"));
    await assert.rejects(test.deploy(env("FAIL", "at-start")), (error: Error) => {
      assert.match(error.message, /^Revision 'echo-00002-[a-z]{3}' is not ready/);
      assert.match(error.message, /failed to start and listen on the port defined provided by/);
      assert.match(error.message, /exit code 3[\s\S]*boom: no database/);
      return true;
    });
    assert.equal(echoOf(await test.call(path, as(test))).GREETING, "old");
    const message = test.store.get(ServiceSchema, serviceName)?.message;
    assert.equal(message?.terminalCondition?.state, Condition_State.CONDITION_FAILED);
    assert.match(message?.terminalCondition?.message ?? "", /boom: no database/);
    assert.match(message?.latestReadyRevision ?? "", /^echo-00001-/);
    assert.match(message?.latestCreatedRevision ?? "", /^echo-00002-/);
  });

  it("gives up a container that does not listen in time", async () => {
    await using test = await startTestRun();
    await assert.rejects(
      test.deploy(({ template }) => {
        const [container] = template?.containers ?? [];
        if (container === undefined) return;
        container.command = ["echo waiting; exec sleep 100"];
        container.startupProbe = {
          $typeName: "google.cloud.run.v2.Probe",
          initialDelaySeconds: 0,
          periodSeconds: 1,
          failureThreshold: 1,
          timeoutSeconds: 1,
          probeType: { case: undefined },
        };
      }),
      /it was not listening after 1 s\)\n {2}waiting/,
    );
  });

  it("answers 503 with the reason while no revision ever was ready", async () => {
    await using test = await startTestRun();
    await assert.rejects(test.deploy(env("FAIL", "at-start")));
    const answer = await test.call(path, as(test));
    assert.equal(answer.status, 503);
    const { rejection } = await test.eventOf(path);
    assert.equal(rejection?.reason, "RUN_START_FAILED");
    assert.match(rejection?.detail ?? "", /boom: no database/);
  });

  it("makes no revision of a message that asks for nothing else, and tells where it listens", async () => {
    await using test = await startTestRun();
    const known = await test.run.addressOf(serviceName);
    const first = await test.deploy(env("GREETING", "same"));
    const again = await test.deploy(env("GREETING", "same"));
    assert.deepEqual(again, first);
    assert.equal(first.url.href, known.href);
    const message = test.store.get(ServiceSchema, serviceName)?.message;
    assert.equal(message?.uri, "https://echo-123456789012.us-central1.run.app");
    assert.equal(message?.terminalCondition?.state, Condition_State.CONDITION_SUCCEEDED);
  });
});

import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { signalGroup } from "../../src/emulator/run/process-group.ts";
import type { RawClient } from "../raw-http2.ts";
import { type HeldCall, holdStream, holdUnary } from "./held-calls.ts";
import { startLoad } from "./load.ts";
import {
  clientAccount,
  type DeployedService,
  gatewayAudience,
  type LocalCloud,
  startLocalCloud,
} from "./local-cloud.ts";
import { endOf } from "./refusal.ts";
import { services } from "./services.ts";

const INSTANCES = 2;

describe("instances come and go under load", { concurrency: true }, () => {
  let cloud: LocalCloud;
  before(async () => {
    cloud = await startLocalCloud({ services, instances: INSTANCES });
  });
  after(() => cloud[Symbol.asyncDispose]());

  for (const [index, service] of services.entries()) {
    const { typeName, name, methods } = service;
    describe(typeName, { concurrency: 1 }, () => {
      let one: DeployedService;
      before(() => {
        one = cloud.deployed[index] as DeployedService;
      });

      const instances = () => cloud.emulator.instancesOf(name);
      const victim = () => {
        const [first] = instances();
        assert.ok(first?.pid !== undefined);
        return { id: first.id, pid: first.pid };
      };
      /** As many as there should be, none of them that one. */
      async function replaced(id: string): Promise<void> {
        const isReplaced = () =>
          instances().length === INSTANCES && instances().every((each) => each.id !== id);
        while (!isReplaced()) await delay(10);
      }
      /** Calls on every instance, streams too: each has a connection of its own, so that none holds up another. */
      async function hold(): Promise<readonly HeldCall[]> {
        const bearer = () => `Bearer ${cloud.token(clientAccount, gatewayAudience)}`;
        const client = (): RawClient => cloud.raw(one.gateway);
        const unary = Array.from({ length: 3 * INSTANCES }, () =>
          holdUnary(client(), bearer(), service),
        );
        const streams = await Promise.all(
          Array.from({ length: 2 * INSTANCES }, () => holdStream(client(), bearer(), service)),
        );
        const held = [...unary, ...streams];
        const inFlight = () => instances().reduce((sum, each) => sum + each.inFlight, 0);
        while (inFlight() < held.length) await delay(1);
        return held;
      }
      const instanceOf = async (traceId: string) =>
        (await cloud.eventOf("cloud-run", traceId)).instanceId;

      it("kill -9: unary calls on it are 14, streams that were answered are reset, calls elsewhere end well", async () => {
        const held = await hold();
        const { id, pid } = victim();
        using channel = one.channel(clientAccount);
        const load = startLoad(channel.transport, methods);
        signalGroup(pid, "SIGKILL");
        await replaced(id);
        const calls = await load.stop();
        // Those on it have ended by themselves.
        for (const call of held) call.letGo();
        const lost = new Set<HeldCall["kind"]>();
        for (const { kind, answer, traceId } of held) {
          const { resetCode } = await answer;
          const { code } = endOf(await answer);
          const isLost = (await instanceOf(traceId)) === id;
          if (isLost) lost.add(kind);
          const wanted = !isLost ? 0 : kind === "unary" ? 14 : undefined;
          assert.equal(code, wanted, `${kind} on ${isLost ? "the killed one" : "another one"}`);
          assert.equal(resetCode !== 0, isLost && kind === "stream");
        }
        assert.deepEqual([...lost].sort(), ["stream", "unary"]);
        for (const { code, traceId, message } of calls) {
          if (code === 0) continue;
          assert.equal(code, 14, message);
          assert.equal(await instanceOf(traceId), id);
        }
      });

      it("SIGTERM: what ends within the bound ends well, and nothing else fails; another takes its place", async () => {
        const held = await hold();
        const { id, pid } = victim();
        using channel = one.channel(clientAccount);
        const load = startLoad(channel.transport, methods);
        process.kill(pid, "SIGTERM");
        await cloud.until(() =>
          cloud.lines.some((line) => line.instanceId === id && line.text.includes("stopping")),
        );
        const before = load.calls.length;
        while (load.calls.length < before + 10) await delay(1);
        for (const call of held) call.letGo();
        for (const { kind, answer } of held) assert.equal(endOf(await answer).code, 0, kind);
        const on = await Promise.all(held.map(({ traceId }) => instanceOf(traceId)));
        assert.ok(on.includes(id), "some of them were its own");
        await replaced(id);
        const failed = (await load.stop()).filter(({ code }) => code !== 0);
        assert.deepEqual(failed, []);
      });

      it("a new revision: calls in flight end on the old one, new ones go to the new, none fails", async () => {
        const held = await hold();
        using channel = one.channel(clientAccount);
        const load = startLoad(channel.transport, methods);
        const before = load.calls.length;
        while (load.calls.length < before + 10) await delay(1);
        const { revision } = await one.deployment.deployService();
        assert.match(revision, /-00002-/);
        assert.ok(instances().every((each) => each.revision === revision));
        const ids = instances().map((each) => each.id);
        assert.ok(ids.includes(await service.unary.call(channel.transport)));
        for (const call of held) call.letGo();
        for (const { kind, answer } of held) assert.equal(endOf(await answer).code, 0, kind);
        const failed = (await load.stop()).filter(({ code }) => code !== 0);
        assert.deepEqual(failed, []);
      });
    });
  }
});

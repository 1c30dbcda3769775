import assert from "node:assert/strict";
import { once } from "node:events";
import process from "node:process";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { walkthroughConfig } from "../../../../test/gateway-in-the-middle.ts";
import { RunningWorkers, statusOf } from "./workers-fixture.test.ts";

const otherAudience = walkthroughConfig.replace(
  "audiences: grpcs://grpc-gateway-1",
  "audiences: another",
);

describe("callpath gateway --workers 2", () => {
  it("is one gateway of several processes, each of which may die", async (context) => {
    await using running = await RunningWorkers.start(2);
    const [first = 0] = await running.pids();
    const clients = [1, 2, 3, 4].map(() => running.connect());

    await context.test("one token fetch and one key fetch for all workers", async () => {
      for (const client of clients) assert.equal(statusOf(await running.call(client)), "0");
      assert.equal(running.metadata.fetches, 1);
      assert.equal(running.keyServer.fetches, 1);
      await running.said("stdout", /"event":"rpc"/, clients.length);
      assert.match(running.lines("stdout")[0] ?? "", /"event":"listening"/);
    });

    await context.test("connections are spread evenly; kill -9: only its calls fail", async () => {
      const held = await running.hold(clients);
      process.kill(first, "SIGKILL");
      await running.said("stderr", /warning: worker 1 .* ended: SIGKILL; 1 of 2 left; another/);
      held.release();
      const statuses = (await Promise.all(held.answers)).map(statusOf);
      assert.equal(statuses.filter((status) => status === "0").length, 2, `${statuses}`);
      assert.equal(statusOf(await running.call(running.connect())), "0", "service goes on");
    });

    await context.test("a replacement uses the tokens and keys that are there", async () => {
      const [now] = await running.said("stderr", /worker 1 is process (\d+) now/);
      const held = await running.hold([1, 2, 3].map(() => running.connect()));
      held.release();
      for (const answer of await Promise.all(held.answers)) assert.equal(statusOf(answer), "0");
      assert.notEqual(Number(now), first);
      assert.equal(running.metadata.fetches, 1);
      assert.equal(running.keyServer.fetches, 1);
    });

    await context.test("a broken config is told once, and all serve by the old one", async () => {
      running.configure("apis: [");
      running.child.kill("SIGHUP");
      await running.said("stderr", /the old config keeps serving/);
      assert.equal((await running.said("stderr", /api_config\.yaml:1:\d+: error/)).length, 1);
      assert.deepEqual(await statuses(running), ["0", "0"]);
    });

    await context.test(
      "SIGHUP: all serve by the new config, and who is started later",
      async () => {
        running.configure(otherAudience);
        running.child.kill("SIGHUP");
        await running.said("stderr", /the new config serves/);
        assert.deepEqual(await statuses(running), ["7", "7"]);
        const [replaced] = await running.said("stderr", /worker 1 is process (\d+) now/);
        process.kill(Number(replaced), "SIGKILL");
        await running.said("stderr", /worker 1 is process \d+ now/, 2);
        assert.deepEqual(await statuses(running), ["7", "7"]);
        running.configure(walkthroughConfig);
        running.child.kill("SIGHUP");
        await running.said("stderr", /the new config serves/, 2);
      },
    );

    await context.test("the primary is killed: workers finish their calls and end", async () => {
      const [, last] = await running.said("stderr", /worker 1 is process (\d+) now/, 2);
      const client = running.connect();
      const held = await running.hold([client]);
      const goaway = once(client.session, "goaway");
      running.child.kill("SIGKILL");
      await goaway;
      held.release();
      assert.deepEqual((await Promise.all(held.answers)).map(statusOf), ["0"]);
      await gone(Number(last));
      await gone((await running.pids())[1] ?? 0);
    });
  });

  it("SIGTERM: calls in flight on all workers finish, nobody else comes in, exit 0", async () => {
    await using running = await RunningWorkers.start(2, "--tls");
    const clients = [running.connect(), running.connect()];
    const held = await running.hold(clients);
    const goaways = clients.map(({ session }) => once(session, "goaway"));
    running.child.kill("SIGTERM");
    await Promise.all(goaways);
    const [refused] = await once(running.connect().session, "error");
    assert.equal(refused.code, "ECONNREFUSED");
    held.release();
    assert.deepEqual((await Promise.all(held.answers)).map(statusOf), ["0", "0"]);
    const [code] = await once(running.child, "close");
    assert.equal(code, 0);
    assert.doesNotMatch(running.lines("stderr").join("\n"), /ended/);
  });

  it("a second signal ends all at once with 130; a port in use is told before", async () => {
    await using running = await RunningWorkers.start(2, "--engine", "node");
    const { host } = running.url;
    await assert.rejects(RunningWorkers.start(2, "--listen", host), ({ message }: Error) =>
      message.includes(`callpath gateway: ${host} is in use by another program; `),
    );
    const client = running.connect();
    const held = await running.hold([client]);
    const closed = once(running.child, "close");
    const goaway = once(client.session, "goaway");
    running.child.kill("SIGINT");
    await goaway;
    const sinceMs = performance.now();
    // Two signals within a moment count as one: the terminal's and npm's.
    const again = setInterval(() => running.child.kill("SIGINT"), 50);
    assert.deepEqual((await Promise.all(held.answers)).map(statusOf), [undefined]);
    assert.deepEqual(await closed, [130, null]);
    clearInterval(again);
    for (const pid of await running.pids()) await gone(pid);
    assert.ok(performance.now() - sinceMs < 5_000, "not when the drain is over");
  });
});

/** Of a call on each of two new connections: one a worker. */
async function statuses(running: RunningWorkers): Promise<(string | undefined)[]> {
  const clients = [running.connect(), running.connect()];
  return Promise.all(clients.map(async (client) => statusOf(await running.call(client))));
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await nextTurn();
  }
}

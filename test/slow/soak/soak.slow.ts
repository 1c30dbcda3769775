import assert from "node:assert/strict";
import { resolve } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { soakTurns } from "./soak-turns.ts";
import { type Rest, SoakWorld } from "./soak-world.ts";

/** `npm run test:slow -- --soak` sets 20; a minute is what every run has. */
const MINUTES = Number(process.env.SOAK_MINUTES ?? 1);
const LENGTH_MS = MINUTES * 60_000;
/** The first look at what the gateway holds: caches are warm then. */
const WARM_UP_MS = LENGTH_MS / 4;
/** Between two turns. */
const PAUSE_MS = 500;
/** What a process may hold more at the end than after warming up. */
const HEAP_FACTOR = 1.2;
const HEAP_BYTES = 4 * 1024 * 1024;
/** A pool may keep a connection more or less to a service that restarted. */
const DESCRIPTORS = 4;

describe(`a gateway of two workers under mixed load, for ${MINUTES} min`, () => {
  it("loses no call that need not be lost, and holds no more at the end than after warming up", {
    timeout: LENGTH_MS + 120_000,
  }, async (context) => {
    await using world = await SoakWorld.start(resolve("test/other-service/gen/descriptor.pb"));
    const beganAtMs = performance.now();
    const passedMs = () => performance.now() - beganAtMs;
    const rests: Rest[] = [];
    world.load.begin();
    for (const { name, run } of soakTurns(world)) {
      await run();
      world.age(passedMs());
      const lost = world.lostWithoutReason().map((call) => ({ ...call, during: name }));
      assert.deepEqual(lost, []);
      if (rests.length === 0 && passedMs() >= WARM_UP_MS) rests.push(await world.rest());
      if (passedMs() >= LENGTH_MS) break;
      await wait(PAUSE_MS);
    }
    rests.push(await world.rest());
    context.diagnostic(
      `${world.load.answered} calls answered; ${world.load.lost.length} lost with their service`,
    );
    for (const rest of rests) context.diagnostic(shown(rest));
    const [first = [], last = []] = rests.map(({ processes }) => processes);
    for (const [at, process] of last.entries()) {
      const before = first[at];
      assert.ok(before !== undefined);
      const most = before.heapBytes * HEAP_FACTOR + HEAP_BYTES;
      assert.ok(
        process.heapBytes <= most,
        `heap: ${process.heapBytes}, before ${before.heapBytes}`,
      );
      assert.ok(process.descriptors <= before.descriptors + DESCRIPTORS);
    }
    assert.ok(world.load.answered > 100 * MINUTES);
    assert.ok(world.keys.server.fetches > MINUTES, "keys were fetched again and again");
    assert.ok(world.metadata.fetches > MINUTES, "tokens too");
    assert.equal(await world.gateway.end(), 0);
    assert.doesNotMatch(world.gateway.said.join("\n"), /ended:|bug|error: worker/);
  });
});

/** A line: primary, then workers. */
function shown({ answered, processes }: Rest): string {
  const held = processes.map(({ heapBytes, rssBytes, descriptors }) => {
    const [heap, rss] = [heapBytes, rssBytes].map((bytes) => (bytes / 2 ** 20).toFixed(1));
    return `heap ${heap} MiB, rss ${rss} MiB, ${descriptors} descriptors`;
  });
  return `after ${answered} calls: ${held.join("; ")}`;
}

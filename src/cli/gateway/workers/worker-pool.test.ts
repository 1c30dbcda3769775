import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, it, mock } from "node:test";
import { configOf, poolOf, started } from "./worker-pool-fixture.test.ts";

describe("WorkerPool", () => {
  it("replaces a worker that dies after 0.1 s, later each time in a row, and says how many are left", async (context) => {
    const { workers, at, log } = await started(context, 2);
    for (const pauseMs of [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]) {
      const count = workers.length;
      at(-1).die("SIGKILL");
      mock.timers.tick(pauseMs - 1);
      assert.equal(workers.length, count);
      mock.timers.tick(1);
      assert.equal(workers.length, count + 1);
      at(-1).boot();
    }
    assert.match(
      log[0] ?? "",
      /^WARNING worker 2 \(process 101\) ended: SIGKILL; 1 of 2 left; another starts after 0.1 s$/,
    );
    assert.match(log[1] ?? "", /^worker 2 is process 102 now$/);
    // One that served for a minute fails for the first time.
    mock.timers.tick(60_000);
    at(-1).die("SIGKILL");
    assert.match(log.at(-1) ?? "", /after 0.1 s$/);
  });

  it("says as an error that no worker is left; connections wait for the next one", async (context) => {
    const { pool, at, log } = await started(context, 1);
    at(0).die("exit code 1");
    assert.match(log[0] ?? "", /^ERROR .*; none of 1 left;/);
    pool.take(new Socket());
    mock.timers.tick(100);
    at(-1).boot();
    assert.equal(at(-1).connections, 1);
  });

  it("gives on what a dead worker had not been handed yet", async (context) => {
    const { pool, at } = await started(context, 2);
    pool.take(new Socket());
    const [dead, other] = at(0).connections === 1 ? [at(0), at(1)] : [at(1), at(0)];
    dead.die("SIGKILL");
    assert.equal(other.connections, 1);
  });

  it("does not start while a worker ends again and again", async (context) => {
    const { pool, at } = poolOf(context, 2);
    const failed = assert.rejects(
      pool.start(),
      /^FailedError: worker 2 does not start: exit code 1$/,
    );
    for (const pauseMs of [100, 200, 0]) {
      at(-1).die("exit code 1");
      mock.timers.tick(pauseMs);
    }
    await failed;
  });

  it("does not start when a worker cannot serve, and says why", async (context) => {
    const { pool, at } = poolOf(context, 2);
    const failed = assert.rejects(pool.start(), /^FailedError: no such thing$/);
    at(0).events.onFailed(at(0), "no such thing");
    await failed;
  });

  it("waits a moment before it says that a worker ended by a signal: at Ctrl-C all get one", async (context) => {
    const { pool, at, log, workers } = await started(context, 1);
    at(0).drain();
    at(0).die("exit code 0");
    assert.deepEqual(log, []);
    await pool[Symbol.asyncDispose]();
    mock.timers.tick(10_000);
    assert.deepEqual(log, []);
    assert.equal(workers.length, 1);
  });

  describe("reload", () => {
    it("is over when all serve by the new config; who starts later starts with it", async (context) => {
      const { pool, at } = await started(context, 2);
      let isOver = false;
      const reloaded = pool.reload(configOf("new")).then(() => {
        isOver = true;
      });
      at(0).reloaded();
      await Promise.resolve();
      assert.equal(isOver, false);
      at(1).reloaded();
      await reloaded;
      at(1).die("SIGKILL");
      mock.timers.tick(100);
      at(-1).boot();
      assert.deepEqual(at(-1).configs, ["new"]);
      assert.equal(at(-1).state, "serving");
    });

    it("goes back everywhere when one worker cannot serve by it", async (context) => {
      const { pool, at } = await started(context, 2);
      const failed = assert.rejects(pool.reload(configOf("new")), /^Error: no way$/);
      at(0).reloaded();
      at(1).reloaded("no way");
      await failed;
      assert.deepEqual(at(0).configs, ["old", "new", "old"]);
      at(0).reloaded();
      at(1).reloaded("not even that");
      assert.equal(at(1).isKilled, true, "its replacement starts with what all serve by");
    });

    it("does not wait for who dies meanwhile; a replacement catches up before it serves", async (context) => {
      const { pool, at } = await started(context, 2);
      at(1).die("SIGKILL");
      mock.timers.tick(100);
      const late = at(-1);
      const reloaded = pool.reload(configOf("new"));
      at(0).reloaded();
      await reloaded;
      late.boot();
      assert.deepEqual(late.configs, ["old", "new"]);
      assert.equal(late.state, "starting");
      late.reloaded();
      assert.equal(late.state, "serving");
    });

    it("a replacement serves by the old config while the new one has to wait for its tokens", async (context) => {
      const { pool, at } = await started(context, 2);
      const reloaded = pool.reload(configOf("new"));
      at(1).die("SIGKILL");
      mock.timers.tick(100);
      at(-1).boot();
      assert.equal(at(-1).state, "serving");
      assert.deepEqual(at(-1).configs, ["old", "new"]);
      at(0).reloaded();
      at(-1).reloaded();
      await reloaded;
    });
  });

  it("kills what has not ended 7.7 s after it was told to", async (context) => {
    const { pool, at } = await started(context, 2);
    const ended = pool[Symbol.asyncDispose]();
    at(0).die("exit code 0");
    mock.timers.tick(7_700);
    assert.deepEqual([at(0).isKilled, at(1).isKilled], [true, true]);
    at(1).die("SIGKILL");
    await ended;
  });
});

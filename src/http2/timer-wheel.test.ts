import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TimerWheel, type WheelTask } from "./timer-wheel.ts";

describe("TimerWheel", () => {
  it("calls each task once, at its time or a tick later, whatever the distance", async () => {
    using wheel = new TimerWheel();
    const fromMs = wheel.nowMs;
    const late: number[] = [];
    await Promise.all(
      [0, 1, 15, 16, 17, 40, 100].map(
        (delayMs) =>
          new Promise<void>((resolve) => {
            wheel.arm(
              new Task(() => {
                late.push(wheel.nowMs - fromMs - delayMs);
                resolve();
              }),
              delayMs,
            );
          }),
      ),
    );
    assert.equal(wheel.armed, 0);
    assert.equal(late.length, 7);
    // Early by less than a millisecond: the runtime's timers are.
    for (const ms of late) assert.ok(ms > -1, `${ms} ms`);
  });

  it("does not call a task that was cancelled, and once one that was armed twice", async () => {
    using wheel = new TimerWheel();
    const calls: string[] = [];
    const cancelled = new Task(() => calls.push("cancelled"));
    const twice = new Task(() => calls.push("twice"));
    wheel.arm(cancelled, 10);
    wheel.arm(twice, 10);
    wheel.arm(twice, 30);
    wheel.cancel(cancelled);
    wheel.cancel(cancelled);
    await new Promise<void>((resolve) => wheel.arm(new Task(resolve), 60));
    assert.deepEqual(calls, ["twice"]);
  });

  it("wakes for a nearer task that is armed while it sleeps for a farther one", async () => {
    using wheel = new TimerWheel();
    wheel.arm(new Task(() => assert.fail("an hour is not over")), 3_600_000);
    await new Promise<void>((resolve) => wheel.arm(new Task(resolve), 20));
    assert.equal(wheel.armed, 1);
  });

  it("keeps tasks beyond one turn for their own turn, by a clock that leaps", async () => {
    let nowMs = 1000;
    using wheel = new TimerWheel(() => nowMs);
    const calls: number[] = [];
    // 512 ticks of 16 ms are a turn: these three share a slot.
    for (const turns of [1, 2, 3]) {
      wheel.arm(new Task(() => calls.push(turns)), turns * 512 * 16);
    }
    const next = () => new Promise<void>((resolve) => wheel.arm(new Task(resolve), 1));
    for (const turns of [1, 2, 3]) {
      const woken = next();
      nowMs = 1000 + turns * 512 * 16 + 32;
      await woken;
      assert.equal(calls.length, turns);
    }
    assert.deepEqual(calls, [1, 2, 3]);
  });

  it("lets tasks arm and cancel others while they run", async () => {
    using wheel = new TimerWheel();
    const calls: string[] = [];
    const victim = new Task(() => calls.push("victim"));
    const done = Promise.withResolvers<void>();
    wheel.arm(victim, 20);
    wheel.arm(
      new Task(() => {
        wheel.cancel(victim);
        wheel.arm(new Task(() => done.resolve()), 0);
      }),
      20,
    );
    await done.promise;
    assert.ok(calls.length <= 1);
    assert.equal(wheel.armed, 0);
  });

  it("calls nothing after it was disposed, and keeps no timer", () => {
    const wheel = new TimerWheel();
    const task = new Task(() => assert.fail("disposed"));
    wheel.arm(task, 1);
    wheel[Symbol.dispose]();
    assert.equal(wheel.armed, 0);
    wheel.arm(task, 1);
    assert.equal(wheel.armed, 0);
  });
});

class Task implements WheelTask {
  wheelNext: WheelTask | undefined;
  wheelPrevious: WheelTask | undefined;
  wheelTick = -1;
  readonly #run: () => void;

  constructor(run: () => void) {
    this.#run = run;
  }

  onTimer(): void {
    this.#run();
  }
}

import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { type NoInstance, type WaitingCall, WaitingCalls } from "./waiting-calls.ts";

interface TestCall extends WaitingCall {
  readonly refusals: NoInstance[];
}

function call(): TestCall {
  const refusals: NoInstance[] = [];
  return { refusals, run() {}, refuse: (why) => void refusals.push(why) };
}

describe("WaitingCalls", () => {
  it("hands them out in the order they came, without those that went away", () => {
    const waiting = new WaitingCalls({ waitMs: 1_000, nowMs: () => 0, isHopeful: () => false });
    const [first, gone, last] = [call(), call(), call()];
    for (const one of [first, gone, last]) assert.equal(waiting.add(one), true);
    waiting.delete(gone);
    assert.deepEqual([waiting.shift(), waiting.shift(), waiting.shift()], [first, last, undefined]);
  });

  it("refuses each after its own wait, but nobody while an instance is starting", (context) => {
    context.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    let isHopeful = true;
    const waiting = new WaitingCalls({
      waitMs: 100,
      nowMs: Date.now,
      isHopeful: () => isHopeful,
    });
    const [first, second] = [call(), call()];
    waiting.add(first);
    mock.timers.tick(60);
    waiting.add(second);
    mock.timers.tick(60);
    assert.equal(waiting.size, 2, "hopeful");
    isHopeful = false;
    mock.timers.tick(100);
    assert.equal(waiting.size, 0);
    assert.deepEqual(first.refusals, [{ kind: "busy", detail: "no instance had room for 0.1 s" }]);
    assert.equal(second.refusals.length, 1);
    const third = call();
    waiting.add(third);
    mock.timers.tick(99);
    assert.equal(third.refusals.length, 0);
    mock.timers.tick(1);
    assert.equal(third.refusals.length, 1);
  });

  it("is bounded", () => {
    const waiting = new WaitingCalls({ waitMs: 1_000, nowMs: () => 0, isHopeful: () => true });
    const calls = Array.from({ length: 1_000 }, call);
    for (const one of calls) assert.equal(waiting.add(one), true);
    const more = call();
    assert.equal(waiting.add(more), false);
    assert.match(more.refusals[0]?.detail ?? "", /1000 calls wait/);
    for (const one of calls) waiting.delete(one);
    assert.equal(waiting.size, 0);
  });
});

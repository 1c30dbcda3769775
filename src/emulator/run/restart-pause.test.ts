import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { RestartPause } from "./restart-pause.ts";

describe("RestartPause", () => {
  it("is none at first, then doubles up to its bound, and starts anew after a long life", (context) => {
    context.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ["setTimeout"] });
    let starts = 0;
    using pause = new RestartPause({ firstMs: 100, longestMs: 300, onOver: () => starts++ });
    assert.equal(pause.failed(), 0);
    assert.equal(starts, 1);
    for (const [ms, count] of [
      [100, 2],
      [200, 3],
      [300, 4],
      [300, 5],
    ] as const) {
      assert.equal(pause.failed(), ms);
      assert.equal(pause.isOn, true);
      mock.timers.tick(ms - 1);
      assert.equal(starts, count - 1);
      mock.timers.tick(1);
      assert.equal(starts, count);
      assert.equal(pause.isOn, false);
    }
    pause.lived();
    assert.equal(pause.failed(), 0);
  });

  it("has one pause for failures that come together, and none after its end", (context) => {
    context.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ["setTimeout"] });
    let starts = 0;
    const pause = new RestartPause({ firstMs: 100, longestMs: 300, onOver: () => starts++ });
    for (let failures = 0; failures < 3; failures++) pause.failed();
    assert.equal(starts, 1);
    pause[Symbol.dispose]();
    mock.timers.tick(1_000);
    assert.equal(starts, 1);
  });
});

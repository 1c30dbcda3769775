import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InstancePicker } from "./pick-instance.ts";
import type { Instance } from "./start-instance.ts";

/** As much of an instance as a picker looks at. */
function instance(id: string, inFlight: number, avoidUntilMs = 0): Instance {
  return { id, inFlight, avoidUntilMs } as Instance;
}

describe("InstancePicker", () => {
  it("takes equals in turn", () => {
    const picker = new InstancePicker(80);
    const all = [instance("a", 0), instance("b", 0), instance("c", 0)];
    const picked = Array.from({ length: 6 }, () => picker.pick(all, 0)?.id);
    assert.deepEqual(picked, ["a", "b", "c", "a", "b", "c"]);
  });

  it("prefers the least loaded", () => {
    const picker = new InstancePicker(80);
    assert.equal(picker.pick([instance("a", 2), instance("b", 1), instance("c", 3)], 0)?.id, "b");
  });

  it("passes over the full and the avoided, until that is over", () => {
    const picker = new InstancePicker(2);
    const all = [instance("full", 2), instance("avoided", 0, 100)];
    assert.equal(picker.pick(all, 99), undefined);
    assert.equal(picker.pick(all, 100)?.id, "avoided");
    assert.equal(picker.pick([], 0), undefined);
  });
});

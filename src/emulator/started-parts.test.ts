import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StartedParts } from "./started-parts.ts";

function parts() {
  const ended: string[] = [];
  const part = (name: string) => ({ [Symbol.dispose]: () => void ended.push(name) });
  return { ended, part };
}

describe("StartedParts", () => {
  it("ends what was started in reverse order, and once", async () => {
    const { ended, part } = parts();
    const started = new StartedParts();
    started.use(part("one"));
    started.use({ [Symbol.asyncDispose]: async () => void ended.push("two") });
    await started[Symbol.asyncDispose]();
    await started[Symbol.asyncDispose]();
    assert.deepEqual(ended, ["two", "one"]);
  });

  it("leaves to the new owner what was moved", async () => {
    const { ended, part } = parts();
    const started = new StartedParts();
    started.use(part("one"));
    const moved = started.move();
    await started[Symbol.asyncDispose]();
    assert.deepEqual(ended, []);
    await moved[Symbol.asyncDispose]();
    assert.deepEqual(ended, ["one"]);
  });

  it("ends the others when one fails, and tells the failure", async () => {
    const { ended, part } = parts();
    const started = new StartedParts();
    started.use(part("one"));
    started.use({ [Symbol.asyncDispose]: () => Promise.reject(new Error("stuck")) });
    await assert.rejects(async () => started[Symbol.asyncDispose](), /stuck/);
    assert.deepEqual(ended, ["one"]);
  });
});

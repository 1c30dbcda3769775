import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { saidOnce } from "./said-once.ts";

describe("saidOnce", () => {
  it("says the same again only after two seconds", () => {
    let nowMs = 1_000;
    const said: string[] = [];
    const say = saidOnce(
      (text) => said.push(text),
      () => nowMs,
    );
    for (const text of ["keys failed", "keys failed", "token failed"]) say(text);
    nowMs += 1_999;
    say("keys failed");
    assert.deepEqual(said, ["keys failed", "token failed"]);
    nowMs += 1;
    say("keys failed");
    assert.equal(said.length, 3);
  });
});

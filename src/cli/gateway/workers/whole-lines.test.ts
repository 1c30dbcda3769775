import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { wholeLines } from "./whole-lines.ts";

describe("wholeLines", () => {
  it("gives lines on when they have ended, however they come", () => {
    const given: string[] = [];
    const take = wholeLines((lines) => given.push(lines));
    for (const text of ["a", "b\nc\nd", "", "e", "\n", "torn"]) take(text);
    assert.deepEqual(given, ["ab\nc\n", "de\n"]);
  });

  it("forgets a line that has no end", () => {
    const given: string[] = [];
    const take = wholeLines((lines) => given.push(lines));
    for (let count = 0; count < 3; count++) take("x".repeat(400_000));
    take("\nnext\n");
    assert.equal(given.join(""), "\nnext\n");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inDigits, table } from "./table.ts";

describe("inDigits", () => {
  for (const [value, shown] of [
    [9870.4, "9,870"],
    [98.74, "98.7"],
    [9.874, "9.87"],
    [0.0987, "0.099"],
    [Number.NaN, "-"],
  ] as const)
    it(`shows ${value} as ${shown}`, () => assert.equal(inDigits(value), shown));
});

describe("table", () => {
  it("puts names to the left and figures to the right", () => {
    assert.equal(
      table([
        ["", "us"],
        ["envoy", "100"],
        ["we", "9"],
      ]),
      "        us\nenvoy  100\nwe       9",
    );
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseOptions } from "./parse-options.ts";

describe("parseOptions", () => {
  it("measures the gateway in five rounds by default, in two short ones with --quick", () => {
    assert.partialDeepStrictEqual(parseOptions([]), { all: false, rounds: 5, seconds: 1.4 });
    assert.partialDeepStrictEqual(parseOptions(["--quick"]), { rounds: 2, seconds: 0.8 });
    assert.equal(parseOptions(["--quick", "--rounds", "7"]).rounds, 7);
  });

  it("attacks for four seconds each, and never for more than ten", () => {
    assert.partialDeepStrictEqual(parseOptions(["--area", "attacks"]), { seconds: 4 });
    assert.throws(() => parseOptions(["--area", "attacks", "--seconds", "11"]), /from 0\.2 to 10/);
  });

  for (const [args, words] of [
    [["--area", "moon"], /--area moon: write gateway or attacks/],
    [["--rounds", "0"], /--rounds 0: write a number from 1/],
    [["--rounds", "1.5"], /--rounds 1\.5/],
    [["--seconds", "x"], /--seconds x/],
    [["--engine", "envoy"], /--engine envoy: write callpath or node/],
    [["--fast"], /--fast/],
  ] as const)
    it(`refuses ${args.join(" ")}, saying what to write`, () => {
      assert.throws(() => parseOptions(args), words);
    });
});

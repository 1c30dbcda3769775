import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { queryValue } from "./query.ts";

describe("queryValue", () => {
  for (const [path, value] of [
    ["/p", undefined],
    ["/p?", undefined],
    ["/p?other=1", undefined],
    ["/p?key=1", "1"],
    ["/p?a=b&key=1&key=2", "1"],
    ["/p?key", ""],
    ["/p?key=", ""],
    ["/p?key=a=b", "a=b"],
    ["/p?k%65y=%41%2e", "A."],
    ["/p?key=%", "%"],
    ["/p?keys=1", undefined],
    ["/p?KEY=1", undefined],
    ["/p?a?key=1", undefined],
    ["/p?%&%k%&key%3D=1&key%=1&%6b%65%79=1", "1"],
    ["/p?ke%7", undefined],
    ["/p?&&key=1", "1"],
  ] as const)
    it(`key of ${path} is ${value}`, () => assert.equal(queryValue(path, "key"), value));

  it("thousands of damaged escapes cost less than a signature check, for nobody has to be known to send them", () => {
    const path = `/p?${"%&".repeat(29_000)}`;
    const fastestMs = Math.min(
      ...Array.from({ length: 5 }, () => {
        const startedAt = performance.now();
        assert.equal(queryValue(path, "key"), undefined);
        return performance.now() - startedAt;
      }),
    );
    assert.ok(fastestMs < 30, `${fastestMs} ms`);
  });
});

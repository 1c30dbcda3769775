import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { normalisePath } from "./normalise-path.ts";

describe("normalisePath", () => {
  for (const [received, path] of [
    ["/p.S/M", "/p.S/M"],
    ["//p.S//M", "/p.S/M"],
    ["/p.S/M/", "/p.S/M/"],
    ["/p.S/M///", "/p.S/M/"],
    ["/./p.S/./M", "/p.S/M"],
    ["/x/../p.S/M", "/p.S/M"],
    ["/../../p.S/M", "/p.S/M"],
    ["/p.S/M/..", "/p.S/"],
    ["/%70%2ES/%4d", "/p.S/M"],
    ["/p.S%2FM", "/p.S%2FM"],
    ["/p.S%2fM", "/p.S%2fM"],
    ["/p.S/%2e%2E/p.S/M", "/p.S/M"],
    ["\\p.S\\M", "\\p.S\\M"],
    ["/p.S\\M", "/p.S/M"],
    ["/p.S/M%20", "/p.S/M%20"],
    ["/p.S/M%", "/p.S/M%"],
    ["/p.S/M%zz", "/p.S/M%zz"],
    ["/%2570", "/%2570"],
    ["/p.S/M?a=//b/../c%70", "/p.S/M?a=//b/../c%70"],
    ["/", "/"],
    ["//", "/"],
    ["*", "*"],
    ["", ""],
  ] as const)
    it(`RT-8: ${received} is ${path}`, () => assert.equal(normalisePath(received), path));
  it("RT-8: normalising again changes nothing", () => {
    const piece = fc.constantFrom("/", ".", "..", "%2e", "%2F", "a", "\\", "?", "%25", "%70");
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const path = normalisePath(`/${pieces.join("")}`);
        // A literal %25 decodes to no unreserved character, so nothing new can appear.
        assert.equal(normalisePath(path), path);
      }),
    );
  });
});

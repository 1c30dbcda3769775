import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { matches, parseSelector, type Selector } from "./selector.ts";

function selector(text: string): Selector {
  const parsed = parseSelector(text);
  return "fault" in parsed ? assert.fail(parsed.fault) : parsed;
}

describe("a selector", () => {
  for (const [text, method, expected] of [
    ["*", "a.B.C", true],
    ["a.B.C", "a.B.C", true],
    ["a.B.C", "a.B.D", false],
    ["a.B.C", "a.B.C.D", false],
    ["a.B.*", "a.B.C", true],
    ["a.*", "a.B.C", true],
    ["a.B.C.*", "a.B.C", false],
    ["a.*", "ab.B.C", false],
    ["a.B, a.B.C", "a.B.C", true],
    ["x.Y.Z,a.*", "a.B.C", true],
    ["x.Y.Z,x.*", "a.B.C", false],
  ] as const) {
    it(`${text} ${expected ? "matches" : "does not match"} ${method} (SEL-1)`, () => {
      assert.equal(matches(selector(text), method), expected);
    });
  }

  it("is case-sensitive (SEL-4)", () => {
    assert.equal(matches(selector("a.b.C"), "a.B.C"), false);
    assert.equal(matches(selector("a.b.*"), "a.B.C"), false);
  });

  for (const text of [
    "",
    " ",
    ",",
    "a.B.C,",
    "a.b*",
    "a.*.c",
    "**",
    "*.a",
    "*.*",
    ".*",
    "a..b",
    ".a",
    "a.",
    "/a.B/C",
    "a b",
    "a.B.C;d",
    "a.(b)",
    "é.B.C",
  ]) {
    it(`cannot be ${JSON.stringify(text)} (SEL-1)`, () => {
      const parsed = parseSelector(text);
      assert.ok("fault" in parsed);
      assert.notEqual(parsed.hint, "");
    });
  }

  it("with slashes is told its dotted form", () => {
    const parsed = parseSelector("/echo.EchoServer/SayHello");
    assert.deepEqual(parsed, {
      fault: "/echo.EchoServer/SayHello has slashes",
      hint: "Selectors have dots only: echo.EchoServer.SayHello",
    });
  });

  it("of any list matches what one of its parts matches", () => {
    const part = fc.constantFrom("*", "a.*", "a.B.*", "a.B.C", "a.B.D", "b.B.C");
    const method = fc.constantFrom("a.B.C", "a.B.D", "a.C.C", "b.B.C", "c.D.E");
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), method, (parts, name) => {
        const whole = matches(selector(parts.join(" , ")), name);
        assert.equal(
          whole,
          parts.some((one) => matches(selector(one), name)),
        );
      }),
    );
  });

  it("is never read wrongly: parsing ends, and never throws", () => {
    const text = fc.string({ unit: fc.constantFrom(..."aB_.*,/ ()"), maxLength: 80 });
    fc.assert(
      fc.property(text, (garbage) => {
        const parsed = parseSelector(garbage);
        assert.equal("fault" in parsed, !("patterns" in parsed));
      }),
    );
    assert.ok("fault" in parseSelector("a.".repeat(1_000_000)));
  });
});

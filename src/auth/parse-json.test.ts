import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseJsonObject } from "./parse-json.ts";

const nested = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

describe("parseJsonObject", () => {
  it("reads what JSON.parse reads", () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(object, (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(parseJsonObject(text), JSON.parse(text));
      }),
    );
  });
  it("reads brackets, quotes and colons inside strings as text", () => {
    const value = { '{"a":': '}],"', b: ["\\", '\\"{', ":,"] };
    assert.deepEqual(parseJsonObject(JSON.stringify(value)), value);
  });
  it("is not fooled by a name that prototypes have", () => {
    const value = parseJsonObject('{"__proto__":{"alg":"none"}}');
    assert.equal(value?.alg, undefined);
  });
  for (const [what, text] of [
    ["a list", "[]"],
    ["null", "null"],
    ["a string", '"a"'],
    ["nothing", ""],
    ["two documents", "{}{}"],
    ["text behind the object", "{} x"],
    ["a comment", "{/**/}"],
    ["a trailing comma", '{"a":1,}'],
    ["a byte order mark", "\uFEFF{}"],
    ["one name twice", '{"iss":"a","iss":"b"}'],
    ["one name twice with space around it", '{"iss":"a" , \n "iss" : "b"}'],
    ["one name twice, once escaped", '{"iss":"a","\\u0069ss":"b"}'],
    ["one name twice, deep inside", '{"a":[1,{"b":{"c":1,"d":[],"c":2}}]}'],
    ["one name twice around an object", '{"a":{"x":1},"b":[{}],"a":2}'],
    ["__proto__ twice", '{"__proto__":1,"__proto__":2}'],
    ["a number beyond a double", '{"exp":1e400}'],
    ["a number beyond a double, deep inside", '{"a":[{"b":-1e400}]}'],
    [
      "more than 1000 members",
      JSON.stringify(Object.fromEntries(Array.from({ length: 1002 }, (_, i) => [`k${i}`, i]))),
    ],
    ["more than 1000 elements", JSON.stringify({ a: Array.from({ length: 1002 }, () => ({})) })],
    ["nesting of 101", nested(101)],
    ["nesting of 50 000", nested(50_000)],
    ["nesting that never closes", `{"a":${"[".repeat(200_000)}`],
    ["objects nested 40 000 deep", `${'{"a":'.repeat(40_000)}1${"}".repeat(40_000)}`],
  ] as const)
    it(`refuses ${what}`, () => assert.equal(parseJsonObject(text), undefined));
  it("takes one name in two objects, nesting of 100, 1000 elements", () => {
    assert.notEqual(
      parseJsonObject(JSON.stringify({ a: Array.from({ length: 1000 }, () => 1) })),
      undefined,
    );
    assert.notEqual(parseJsonObject('{"a":{"b":1},"c":{"b":1}}'), undefined);
    assert.notEqual(parseJsonObject(nested(100)), undefined);
  });
  it("refuses bytes that are no UTF-8, instead of replacing them", () => {
    assert.equal(
      parseJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
      undefined,
    );
    assert.deepEqual(parseJsonObject(Buffer.from('{"é":1}')), { é: 1 });
  });
});

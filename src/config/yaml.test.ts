import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MAX_NODES, MAX_TEXT_LENGTH, parseYaml } from "./yaml.ts";
import { toJson, type YamlNode } from "./yaml-node.ts";
import { MAX_DEPTH, MAX_TOKENS } from "./yaml-tokens.ts";

const jsonOf = (text: string) => {
  const { root, problems } = parseYaml("f", text);
  assert.deepEqual(problems, []);
  return toJson(root ?? assert.fail("no root"));
};
/** line:column code */
const faults = (text: string) =>
  parseYaml("f", text).problems.map(({ at, code }) => `${at.line}:${at.column} ${code}`);

function scalarsOf(node: YamlNode): readonly string[] {
  if (node.kind === "scalar") return [`${node.at.line}:${node.at.column} ${node.text}`];
  if (node.kind === "sequence") return node.items.flatMap(scalarsOf);
  return node.entries.flatMap(({ key, keyAt, value }) => [
    `${keyAt.line}:${keyAt.column} ${key}:`,
    ...scalarsOf(value),
  ]);
}

describe("parseYaml", () => {
  it("gives every key and value its place", () => {
    const text = '# c\na: 1\nb:\n  - x # d\n  - { c: "y z" }\n';
    const { root } = parseYaml("f", text);
    assert.deepEqual(scalarsOf(root ?? assert.fail()), [
      "2:1 a:",
      "2:4 1",
      "3:1 b:",
      "4:5 x",
      "5:7 c:",
      "5:10 y z",
    ]);
  });

  it("reads JSON as JSON.parse does, tabs, escapes and all", () => {
    for (const text of [
      '{\n\t"a": [1, 2.5e3, true, null, "\\ud83d\\ude00\\/\\u00e9"],\n\t"b": {"c": ""}\n}',
      '[[],{},"#",": ","- "]',
      '{"__proto__":1,"constructor":{"a":[]}}',
    ]) {
      assert.deepEqual(jsonOf(text), JSON.parse(text));
    }
  });

  it("reads any JSON as JSON.parse does", () => {
    const unit = fc.constantFrom(
      ..."ab:#-{}[],&*!|>'\"%@ \n\t\\\u0000\u007f\u2028é",
      "😀",
      "\ud800",
    );
    const json = fc.jsonValue({ maxDepth: 3, stringUnit: unit });
    fc.assert(
      fc.property(json, fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const { root } = parseYaml("f", text);
        assert.deepEqual(root && toJson(root), JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  it("keeps quoted values text, and plain ones what they say", () => {
    assert.deepEqual(jsonOf('a: "3"\nb: 3\nc: "true"\nd: true\ne: ~\nf:\n'), {
      a: "3",
      b: 3,
      c: "true",
      d: true,
      e: null,
      f: null,
    });
  });

  it("refuses a key that is written twice, at any depth", () => {
    assert.deepEqual(faults("a: 1\nb: {c: 1, c: 2}\na: 2"), [
      "2:11 duplicate-key",
      "3:1 duplicate-key",
    ]);
  });

  it("refuses several documents", () => {
    assert.deepEqual(faults("a: 1\n---\nb: 2"), ["2:1 several-documents"]);
  });

  for (const text of ["", "\n\n", "# only a comment\n", "---\n", "\uFEFF", "---\n...\n"]) {
    it(`says that ${JSON.stringify(text)} is empty`, () => {
      assert.deepEqual(faults(text), ["1:1 empty-document"]);
    });
  }

  it("says where the text is no YAML", () => {
    assert.deepEqual(faults("a:\n  - b\n c: d\n"), ["3:1 syntax"]);
    assert.deepEqual(faults("a: [1, 2\n"), ["2:1 syntax"]);
    assert.deepEqual(faults("\ta: 1\n"), ["1:1 syntax"]);
    assert.deepEqual(faults("? [1]\n: 2\n"), ["1:3 syntax"]);
  });

  it("fills in aliases, and refuses those without an anchor", () => {
    assert.deepEqual(jsonOf("a: &x { b: 1 }\nc: *x\n"), { a: { b: 1 }, c: { b: 1 } });
    assert.deepEqual(faults("a: *x\n"), ["1:4 unknown-alias"]);
    assert.deepEqual(faults("a: &x [*x]\n"), ["1:8 unknown-alias"]);
  });

  it("leaves a merge key a key like any other, for the reader to refuse", () => {
    assert.deepEqual(jsonOf("a: &x { b: 1 }\nc:\n  <<: *x\n"), {
      a: { b: 1 },
      c: { "<<": { b: 1 } },
    });
  });

  it("refuses tags", () => {
    assert.deepEqual(faults("a: !!binary aGk=\nb: !thing c\n"), ["1:13 tag", "2:11 tag"]);
  });

  it("counts aliases as all that they repeat", () => {
    const lines = Array.from({ length: 8 }, (_, i) => {
      const repeated = Array.from({ length: 9 }, () => (i === 0 ? "x" : `*a${i - 1}`));
      return `a${i}: &a${i} [${repeated.join(", ")}]`;
    });
    const { root, problems } = parseYaml("f", lines.join("\n"));
    assert.deepEqual(new Set(problems.map(({ code }) => code)), new Set(["too-large"]));
    assert.match(problems[0]?.message ?? "", new RegExp(String(MAX_NODES)));
    assert.ok(root === undefined || JSON.stringify(root).length < 50_000_000);
  });

  for (const [attack, text, code] of [
    ["deep brackets", "[".repeat(MAX_DEPTH + 10), "too-deep"],
    ["deep brackets, many", "[".repeat(MAX_TEXT_LENGTH), "too-deep"],
    ["deep dashes", "- ".repeat(100_000), "too-deep"],
    [
      "deep indents",
      Array.from({ length: 500 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
      "too-deep",
    ],
    ["a fault a character", "]".repeat(MAX_TOKENS + 10), "too-large"],
    ["very many keys", "a:\n".repeat(MAX_TOKENS), "too-large"],
    ["a huge file", "a".repeat(MAX_TEXT_LENGTH + 1), "too-large"],
  ] as const) {
    it(`is bounded against ${attack}`, { timeout: 20_000 }, () => {
      const { root, problems } = parseYaml("f", text);
      assert.equal(root, undefined);
      assert.deepEqual(
        problems.map((problem) => problem.code),
        [code],
      );
    });
  }

  it("allows what people write: nesting up to the bound", () => {
    const depth = MAX_DEPTH - 10;
    const { root, problems } = parseYaml("f", `${"[".repeat(depth)}${"]".repeat(depth)}`);
    assert.deepEqual(problems, []);
    assert.equal(root?.kind, "sequence");
  });

  it("never throws, and has a problem wherever it has no document", () => {
    const word = fc.constantFrom(
      ..."a b : - ? [ ] { } , & * ! | > ' \" # % @ ` ~ \n \t \r\n --- ... &x *x !!str << $ $A ${ \\ \u0000 \uFEFF \ud800 é".split(
        " ",
      ),
      " ",
      "  ",
      "\n ",
      "\n  ",
      ": ",
      "- ",
      "\n- ",
    );
    const codes = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 });
    const anyText = codes.map((units) => String.fromCharCode(...units));
    const text = fc.array(word, { maxLength: 60 }).map((words) => words.join(""));
    fc.assert(
      fc.property(fc.oneof(text, anyText), (garbage) => {
        const { root, problems } = parseYaml("f", garbage);
        assert.ok(root !== undefined || problems.length > 0);
        for (const { at } of problems) assert.ok(at.line >= 1 && at.column >= 1);
      }),
      { numRuns: 2000 },
    );
  });
});

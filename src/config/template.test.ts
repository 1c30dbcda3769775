// biome-ignore-all lint/suspicious/noTemplateCurlyInString: such strings are what is tested
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { printProblem } from "./problem.ts";
import { fillTemplate } from "./template.ts";
import { parseYaml } from "./yaml.ts";
import { toJson } from "./yaml-node.ts";

const fill = (text: string, values: Record<string, string> = {}) => {
  const { root } = parseYaml("f", text);
  return fillTemplate(root ?? assert.fail("no root"), values);
};
const filled = (text: string, values: Record<string, string>) => {
  const { root, problems } = fill(text, values);
  assert.deepEqual(problems, []);
  return toJson(root);
};
const faults = (text: string, values?: Record<string, string>) =>
  fill(text, values).problems.map(
    ({ at, code, path }) => `${at.line}:${at.column} ${code} ${path}`,
  );

describe("fillTemplate", () => {
  it("fills in $NAME and ${NAME}, and makes $$ a dollar", () => {
    const text = "a: grpcs://$HOST:443/$$x\nb: ['${HOST}y', $HOST$HOST, \"$$HOST\"]\n";
    assert.deepEqual(filled(text, { HOST: "h" }), {
      a: "grpcs://h:443/$x",
      b: ["hy", "hh", "$HOST"],
    });
  });

  it("takes the longest name, and only names", () => {
    assert.deepEqual(filled("a: $AB.$A-$A1 5$ $5 $", { A: "x", AB: "y", A1: "z" }), {
      a: "y.x-z 5$ $5 $",
    });
  });

  it("fills values in after parsing: they cannot change the document", () => {
    const evil = 'x"\nb: [1, &y {';
    assert.deepEqual(filled("a: $V\nc: d\n", { V: evil }), { a: evil, c: "d" });
    assert.deepEqual(filled("a: $V\n", { V: "$W $$" }), { a: "$W $$" });
  });

  it("lets a plain value become a number, as substitution before parsing would", () => {
    assert.deepEqual(filled("a: $V\nb: '$V'\n", { V: "3" }), { a: 3, b: "3" });
  });

  it("leaves comments and keys alone", () => {
    assert.deepEqual(filled("# $UNSET ${\n$KEY: 1 # $UNSET\n", {}), { $KEY: 1 });
  });

  it("names an unset variable with its own place", () => {
    const text = 'x:\n  - plain $A\n  - "quoted \\" ${B}"\n  - |\n    block\n    and $C $A\n';
    assert.deepEqual(faults(text), [
      "2:11 unset-variable x[0]",
      "3:16 unset-variable x[1]",
      "6:9 unset-variable x[2]",
      "6:12 unset-variable x[2]",
    ]);
    const [problem] = fill(text).problems;
    assert.equal(
      printProblem(problem ?? assert.fail()),
      "f:2:11: error: $A has no value (x[0])\n  Give it with --set A=VALUE or set A in the environment; $$ is a plain dollar sign",
    );
  });

  it("refuses ${ without a name and }", () => {
    assert.deepEqual(faults("a: x${\nb: ${1}\nc: '${A B}'\n", { A: "x" }), [
      "1:5 template-syntax a",
      "2:4 template-syntax b",
      "3:5 template-syntax c",
    ]);
  });

  it("knows only the values given, not what objects inherit", () => {
    assert.deepEqual(faults("a: $constructor $toString ${__proto__}"), [
      "1:4 unset-variable a",
      "1:17 unset-variable a",
      "1:27 unset-variable a",
    ]);
  });

  it("keeps positions those of the user's file", () => {
    const { root } = fill("a: $LONG\nb: c\n", { LONG: "many\nlines\n" });
    assert.equal(root.kind, "mapping");
    const places = root.kind === "mapping" ? root.entries.map(({ value }) => value.at.line) : [];
    assert.deepEqual(places, [1, 2]);
  });

  it("takes an empty value for a value", () => {
    assert.deepEqual(filled("a: x$E", { E: "" }), { a: "x" });
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { codeName } from "./code-name.ts";
import { aboutReasons, rejectionReasons } from "./reasons.ts";

const file = new URL("../../docs/rejections.md", import.meta.url);

/** The table of docs/rejections.md as reasons.ts says it. */
const table = rejectionReasons.map((reason) => {
  const { hops, codes, when, fix } = aboutReasons[reason];
  const code = codes.length === 0 ? "as it comes" : codes.map(codeName).join(", ");
  return `| ${[`\`${reason}\``, hops.join(", "), code, when, fix].join(" | ")} |`;
});

describe("docs/rejections.md", () => {
  it("has one row a reason, as reasons.ts says it, in the order of the path", () => {
    const rows = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    assert.deepEqual(rows, table);
  });
});

describe("rejection reasons", () => {
  it("each says where, when and what to do, in words that a table can hold", () => {
    for (const reason of rejectionReasons) {
      const { hops, when, fix } = aboutReasons[reason];
      assert.match(reason, /^[A-Z][A-Z_]+[A-Z]$/);
      assert.ok(hops.length > 0, reason);
      for (const words of [when, fix]) assert.match(words, /^[A-Z0-9][^|\n]{10,}[^.\s]$/, reason);
    }
  });
});

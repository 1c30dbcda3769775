import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { defaultLimits } from "./limits.ts";

const folder = new URL("./", import.meta.url);
const tests = readdirSync(folder)
  .filter((name) => name.endsWith(".test.ts") && name !== "limits.test.ts")
  .map((name) => readFileSync(new URL(name, folder), "utf8"))
  .join("\n");
const rows = readFileSync(new URL("limits.ts", folder), "utf8");

describe("limits", () => {
  for (const name of Object.keys(defaultLimits)) {
    it(`${name} names what it is against, and a test exceeds it`, () => {
      const at = rows.indexOf(`  readonly ${name}:`);
      const docstring = rows.slice(rows.lastIndexOf("/**", at), at);
      assert.match(docstring, /Against: |\(LM-3\)/, `limits.ts: ${name}`);
      assert.match(tests, new RegExp(`limits[.]${name}\\b`), `no test is named limits.${name}`);
    });
  }
});

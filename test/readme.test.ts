import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

/** The lines of a document's shell blocks. */
function shellLines(file: string): string[] {
  const blocks = readFileSync(file, "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm);
  return [...blocks].flatMap(([, block = ""]) => block.trim().split("\n"));
}

const steps = [...readFileSync(".ci/run", "utf8").matchAll(/^step \d+ '(.*)'$/gm)].map(
  ([, command]) => command,
);

describe("README", () => {
  const setUp = shellLines("README.md").filter((line) => line.startsWith("npm ci"));

  it("is word for word what .ci/run types first; `npm start` ends there after the first calls", () => {
    assert.deepEqual(setUp, ["npm ci && npm start", "npm ci && npm test"]);
    const typed = setUp.map((line) => line.replace(/npm start$/, "npm start -- --once"));
    assert.deepEqual(steps.slice(0, typed.length), typed);
  });
});

describe("CONTRIBUTING", () => {
  it("names the gate, and .ci/run has all of it", () => {
    assert.ok(shellLines("CONTRIBUTING.md").includes("npm run check"));
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
      scripts: Record<string, string>;
    };
    assert.equal(scripts.check, "npm run check:code && npm test");
    for (const part of ["npm run check:code", "npm run test:peers", "npm run test:slow"]) {
      assert.ok(steps.includes(part), part);
    }
  });
});

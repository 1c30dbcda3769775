import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { promisify } from "node:util";

const bench = resolve(import.meta.dirname, "main.ts");

describe("npm run bench", () => {
  it("measures every target with every client, no call fails, and nothing is left behind", async () => {
    const only = ["grpc-go-4x25", "grpc-js-1x50", "tls-unary-1x1"].flatMap((name) => [
      "--only",
      name,
    ]);
    const args = [bench, "--rounds", "1", "--seconds", "0.5", ...only];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 280_000 });
    for (const title of [
      "callpath",
      "callpath --engine node",
      "envoy, token cache on",
      "nginx, no token check",
    ])
      assert.match(stdout, new RegExp(`^  ${title} +\\d`, "m"));
    assert.match(stdout, /^ {2}(met {3}|MISSED) CPU is \S+ of envoy's/m);
    assert.doesNotMatch(stdout, /FAILED CALLS/);
  });
});

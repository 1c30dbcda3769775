import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";

const gateway = [
  process.execPath,
  resolve("src/cli/callpath.js"),
  ...["gateway", "--identity", "none", "--listen", "127.0.0.1:0"],
  ...["--set", "MANAGED_SERVICE=s", "--set", "ADDRESS=a", "--set", "RUN_URL=https://a"],
]
  .map((word) => `'${word}'`)
  .join(" ");

describe("processWorld", () => {
  it("ends with the shell that npm started it in: npm signals nobody else", async () => {
    const shell = spawn("sh", ["-c", `${gateway}; true`], {
      env: { ...process.env, npm_lifecycle_event: "start" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const lines = createInterface({ input: shell.stdout });
    const [line] = (await once(lines, "line")) as [string];
    assert.match(line, /^listening on/);
    const closed = once(lines, "close");
    shell.kill("SIGTERM");
    // The program has the other end of the pipe: it closes when the program has ended.
    await closed;
  });
});

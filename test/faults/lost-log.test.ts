import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { Backend } from "../raw-http2.ts";
import { SteadyCalls } from "./steady-calls.ts";

const config = `
type: google.api.Service
config_version: 3
name: echo.apigateway.test.cloud.goog
apis: [{ name: echo.EchoServer }]
usage: { rules: [{ selector: "*", allow_unregistered_calls: true }] }
backend: { rules: [{ selector: "*", address: "grpc://127.0.0.1:1", disable_auth: true }] }
`;

describe("callpath gateway whose log is lost", () => {
  let folder: string;
  let backend: Backend;
  let port: number;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "callpath-lost-log-"));
    writeFileSync(join(folder, "api_config.yaml"), config);
    backend = new Backend();
    await backend.listen();
    port = await freePort();
  });
  after(async () => {
    await backend[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** `callpath gateway --json`, its stdout as said. */
  function gateway(stdout: number | "pipe", ...flags: string[]): ChildProcess {
    const args = [
      resolve("src/cli/callpath.js"),
      "gateway",
      ...["--config", "api_config.yaml", "--image", resolve("gen/descriptor.pb")],
      ...["--backend", `grpc://127.0.0.1:${backend.port()}`, "--identity", "none"],
      ...["--listen", `127.0.0.1:${port}`, "--json", ...flags],
    ];
    return spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", stdout, "pipe"] });
  }

  /** It serves, and ends as it should. */
  async function assertServes(running: ChildProcess): Promise<void> {
    await using calls = await SteadyCalls.start(new URL(`http://127.0.0.1:${port}`), {
      ":path": "/echo.EchoServer/SayHello",
    });
    for (let nth = 0; nth < 20; nth++) await calls.goesOn();
    const exited = once(running, "exit");
    running.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  }

  for (const flags of [[], ["--workers", "2"]])
    it(`a full disk ${flags.join(" ")}: it keeps serving, and says so once`, async () => {
      const full = openSync("/dev/full", "w");
      const running = gateway(full, ...flags);
      try {
        const notes = notesOf(running);
        await notes.until(/^warning: stdout cannot be written \(ENOSPC: .*\): lines are dropped/);
        await assertServes(running);
        assert.equal(notes.lines.filter((line) => line.includes("stdout")).length, 1);
      } finally {
        running.kill("SIGKILL");
        closeSync(full);
      }
    });

  it("a reader that is gone: it keeps serving, and says so once", async () => {
    const running = gateway("pipe");
    try {
      const notes = notesOf(running);
      assert.ok(running.stdout);
      const [line] = await once(createInterface(running.stdout), "line");
      assert.match(String(line), /"event":"listening"/);
      running.stdout.destroy();
      await assertServes(running);
      const said = notes.lines.filter((line) => line.includes("stdout"));
      assert.equal(said.length, 1);
      assert.match(said.join(), /EPIPE.* lines are dropped from now on$/);
    } finally {
      running.kill("SIGKILL");
    }
  });

  it("stdout and stderr whose reader is gone: it keeps serving", async () => {
    const running = gateway("pipe");
    try {
      assert.ok(running.stdout);
      await once(createInterface(running.stdout), "line");
      running.stdout.destroy();
      running.stderr?.destroy();
      await assertServes(running);
    } finally {
      running.kill("SIGKILL");
    }
  });
});

/** What it says on stderr, line by line. */
function notesOf(running: ChildProcess) {
  assert.ok(running.stderr);
  const lines: string[] = [];
  const reader = createInterface(running.stderr);
  reader.on("line", (line) => lines.push(line));
  return {
    lines,
    async until(wanted: RegExp): Promise<void> {
      while (!lines.some((line) => wanted.test(line))) await once(reader, "line");
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

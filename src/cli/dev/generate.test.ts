import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { copyOfTheRoot } from "../dev-fixture.test.ts";
import { generate } from "./generate.ts";
import { runCommand } from "./run-command.ts";

const quiet = {
  env: { PATH: process.env.PATH },
  signal: new AbortController().signal,
  onAbruptEnd: () => ({ [Symbol.dispose]() {} }),
};

describe("generate", () => {
  const root = copyOfTheRoot();
  const { folder } = root;
  const proto = join(folder, "proto/echo/echo.proto");
  after(() => root[Symbol.dispose]());

  it("makes stubs and image as the bare commands do", async () => {
    const image = join(folder, "gen/descriptor.pb");
    const before = readFileSync(image);
    writeFileSync(image, "");
    assert.deepEqual(await generate({ ...quiet, folder, image }), { fault: undefined });
    assert.deepEqual(readFileSync(image), before);
  });

  it("says the first fault of a broken proto in one line", async () => {
    const text = readFileSync(proto, "utf8");
    appendFileSync(proto, "\nmessage {\n");
    const { fault } = await generate({
      ...quiet,
      folder,
      image: join(folder, "gen/descriptor.pb"),
    });
    writeFileSync(proto, text);
    assert.match(fault ?? "", /^proto\/echo\/echo\.proto:\d+:\d+:[^\n]+$/);
  });

  it("says that buf is not there", async () => {
    const elsewhere = join(folder, "/../");
    const { fault } = await generate({
      ...quiet,
      env: { PATH: "/nowhere" },
      folder: elsewhere,
      image: "x.pb",
    });
    assert.match(fault ?? "", /^buf is not here.*npm ci/);
  });
});

describe("runCommand", () => {
  const run = (command: string, more: { args?: string[]; signal?: AbortSignal } = {}) => {
    const lines: string[] = [];
    const ended = runCommand({
      ...quiet,
      command,
      args: [],
      cwd: ".",
      onLine: (stream, line) => lines.push(`${stream} ${line}`),
      ...more,
    });
    return { lines, ended };
  };

  it("passes words on as they are, and tells how it ended", async () => {
    const { lines, ended } = run("printf '%s\\n'", { args: ["it's", "$HOME"] });
    assert.deepEqual(await ended, { code: 0, isMissing: false, how: "exit code 0" });
    assert.deepEqual(lines, ["stdout it's", "stdout $HOME"]);
    assert.equal((await run("exit 7").ended).code, 7);
    assert.equal((await run("nosuchprogram").ended).isMissing, true);
  });

  it("ends with its children when it is aborted", async () => {
    const abort = new AbortController();
    const { ended } = run("sleep 30 & sleep 30", { signal: abort.signal });
    abort.abort();
    assert.match((await ended).how, /signal SIGTERM/);
  });
});

import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { describe, it } from "node:test";
import { MAX_WAITING_BYTES, ProcessOutput, whenWritten } from "./process-output.ts";

/** A stream nobody reads until told to. */
class Stuck extends Writable {
  readonly #done: (() => void)[] = [];
  constructor() {
    super({ decodeStrings: false });
  }
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    this.#done.push(done);
  }
  async readAll(): Promise<void> {
    while (this.writableLength > 0) {
      for (const done of this.#done.splice(0)) done();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

function outputOn(stream: Writable & { fd?: number }, mayDrop = true) {
  const told: string[] = [];
  const clock = { nowMs: 1_000_000 };
  const output = new ProcessOutput(stream, {
    name: "stdout",
    nowMs: () => clock.nowMs,
    tell: (words) => told.push(words),
    mayDrop: () => mayDrop,
  });
  return { output, told, clock };
}

/** A Writable that says which file it stands for. */
function streamOf(fd: number): Writable & { fd: number } {
  return Object.assign(new Writable(), { fd });
}

describe("ProcessOutput", () => {
  it("drops what a reader that does not read would pile up, says so once, and goes on when it reads", async () => {
    const stream = new Stuck();
    const { output, told } = outputOn(stream);
    const line = `${"x".repeat(1024 * 1024 - 1)}\n`;
    for (let nth = 0; nth < 20; nth++) output.write(line);
    assert.equal(stream.writableLength, MAX_WAITING_BYTES);
    assert.equal(told.length, 1);
    assert.match(told.join(), /^stdout cannot be written \(nobody reads it.* until it can$/);
    await stream.readAll();
    output.write(line);
    assert.equal(told[1], "stdout is written again; 4 lines were dropped");
  });

  it("drops nothing of a program that did not ask for it", () => {
    const stream = new Stuck();
    const { output, told } = outputOn(stream, false);
    output.write("x".repeat(MAX_WAITING_BYTES + 1));
    output.write("x");
    assert.equal(stream.writableLength, MAX_WAITING_BYTES + 2);
    assert.deepEqual(told, []);
  });

  it("a full disk: says so once, and again only after a while", () => {
    const fd = openSync("/dev/full", "w");
    try {
      const { output, told, clock } = outputOn(streamOf(fd));
      for (let nth = 0; nth < 100; nth++) output.write("line\n");
      clock.nowMs += 60_000;
      output.write("line\n");
      assert.equal(told.length, 1);
      assert.match(told.join(), /^stdout cannot be written \(ENOSPC: .*\): lines are dropped/);
    } finally {
      closeSync(fd);
    }
  });

  it("a file gets what is written, at once", () => {
    const folder = mkdtempSync(join(tmpdir(), "callpath-output-"));
    const fd = openSync(join(folder, "log"), "w");
    try {
      const { output } = outputOn(streamOf(fd));
      output.write("one\n");
      output.write("");
      output.write("zwö\n");
      assert.equal(readFileSync(join(folder, "log"), "utf8"), "one\nzwö\n");
    } finally {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    }
  });

  it("a reader that is gone: told once, and nothing thrown", () => {
    const stream = new Stuck();
    const { output, told } = outputOn(stream);
    const fault = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    stream.emit("error", fault);
    stream.emit("error", fault);
    output.write("line\n");
    assert.deepEqual(told, [
      "stdout cannot be written (write EPIPE): lines are dropped from now on",
    ]);
  });
});

describe("whenWritten", () => {
  it("does not wait for ever for a reader that does not read", async () => {
    const stream = new Stuck();
    stream.write("something");
    await whenWritten(stream, 10);
    assert.ok(stream.writableLength > 0);
  });
});

import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { describe, it } from "node:test";
import { LastLines, MAX_LINE_CHARACTERS, readLines } from "./log-lines.ts";

async function linesOf(...chunks: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  await readLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), (line) => {
    lines.push(line);
  });
  return lines;
}

describe("readLines", () => {
  it("hands on whole lines, however they arrive", async () => {
    assert.deepEqual(await linesOf("one\ntw", "o\r\n", "\nlast"), ["one", "two", "", "last"]);
  });

  it("keeps a character whole that is cut by a read", async () => {
    const [first, second] = [Buffer.from("é\n").subarray(0, 1), Buffer.from("é\n").subarray(1)];
    const lines: string[] = [];
    await readLines(Readable.from([first, second]), (line) => void lines.push(line));
    assert.deepEqual(lines, ["é"]);
  });

  it("cuts a line that never ends, says so, and goes on with the next", async () => {
    const piece = "x".repeat(MAX_LINE_CHARACTERS);
    const [long, next] = await linesOf(piece, piece, piece, "\nshort\n");
    assert.equal(long?.length, MAX_LINE_CHARACTERS + " … (line cut)".length);
    assert.match(long ?? "", /\(line cut\)$/);
    assert.equal(next, "short");
  });

  it("reads nothing more while a line is not taken", async () => {
    const output = new PassThrough({ highWaterMark: 16 });
    const taken = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    const lines: string[] = [];
    const done = readLines(output, async (line) => {
      lines.push(line);
      first.resolve();
      await taken.promise;
    });
    output.write("one\n");
    await first.promise;
    let isFull = false;
    while (!isFull) isFull = !output.write("0123456789\n");
    assert.deepEqual(lines, ["one"]);
    taken.resolve();
    output.end();
    await done;
    assert.ok(lines.length > 2);
  });

  it("ends with what came when the output is destroyed", async () => {
    const output = new PassThrough();
    const lines: string[] = [];
    const done = readLines(output, (line) => {
      lines.push(line);
      output.destroy();
    });
    output.write("only\n");
    await done;
    assert.deepEqual(lines, ["only"]);
  });
});

describe("LastLines", () => {
  it("keeps the last lines, each of bounded length", () => {
    const last = new LastLines(2, 5);
    for (const line of ["one", "two", "three and more"]) last.add(line);
    assert.deepEqual(last.all, ["two", "three…"]);
  });
});

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { watchFiles } from "./watch-files.ts";

describe("watchFiles", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "callpath-watch-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Watch and hand out one report after the other. */
  async function watching(...names: string[]) {
    const reports: string[][] = [];
    let wake = Promise.withResolvers<void>();
    const watcher = await watchFiles({
      paths: names.map((name) => join(folder, name)),
      settleMs: 20,
      onChange: (files) => {
        reports.push(files.map((file) => file.slice(folder.length + 1)));
        wake.resolve();
      },
      onError: (error) => assert.fail(error),
    });
    return {
      [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose](),
      async next(): Promise<readonly string[]> {
        if (reports.length === 0) await wake.promise;
        wake = Promise.withResolvers();
        return reports.shift() ?? [];
      },
    };
  }

  it("survives an editor's write and rename, again and again", async () => {
    await writeFile(join(folder, "config.yaml"), "0");
    await using changes = await watching("config.yaml");
    for (const text of ["1", "2", "3"]) {
      await writeFile(join(folder, "config.yaml~"), text);
      await rename(join(folder, "config.yaml~"), join(folder, "config.yaml"));
      assert.deepEqual(await changes.next(), ["config.yaml"]);
    }
  });

  it("says nothing of a touch and of a neighbour", async () => {
    await writeFile(join(folder, "config.yaml"), "0");
    await using changes = await watching("config.yaml");
    await utimes(join(folder, "config.yaml"), new Date(), new Date());
    await writeFile(join(folder, "other.yaml"), "1");
    await writeFile(join(folder, "config.yaml"), "2");
    assert.deepEqual(await changes.next(), ["config.yaml"]);
  });

  it("sees files in new folders, and files that go", async () => {
    await mkdir(join(folder, "proto"));
    await writeFile(join(folder, "proto/a.proto"), "a");
    await using changes = await watching("proto");
    await mkdir(join(folder, "proto/deep"));
    await writeFile(join(folder, "proto/deep/b.proto"), "b");
    assert.deepEqual(await changes.next(), ["proto/deep/b.proto"]);
    await writeFile(join(folder, "proto/deep/b.proto"), "c");
    assert.deepEqual(await changes.next(), ["proto/deep/b.proto"]);
    await rm(join(folder, "proto/a.proto"));
    assert.deepEqual(await changes.next(), ["proto/a.proto"]);
  });

  it("waits for a file that is not there, in a folder that is not there", async () => {
    await using changes = await watching("gen/descriptor.pb");
    await mkdir(join(folder, "gen"));
    await writeFile(join(folder, "gen/descriptor.pb"), "x");
    assert.deepEqual(await changes.next(), ["gen/descriptor.pb"]);
  });

  it("never calls back twice at once", async () => {
    await writeFile(join(folder, "a"), "0");
    let running = 0;
    const gate = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    await using _ = await watchFiles({
      paths: [join(folder, "a")],
      settleMs: 5,
      onChange: async () => {
        running += 1;
        assert.equal(running, 1);
        first.resolve();
        await gate.promise;
        running -= 1;
        second.resolve();
      },
      onError: (error) => assert.fail(error),
    });
    await writeFile(join(folder, "a"), "1");
    await first.promise;
    await writeFile(join(folder, "a"), "2");
    gate.resolve();
    await second.promise;
  });
});

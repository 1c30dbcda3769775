import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  closeToOthers,
  createPrivateFile,
  readFileIfThere,
  setAside,
  writePrivateFile,
  writePublicFile,
} from "./private-file.ts";

const folder = () => mkdtempDisposable(join(tmpdir(), "callpath-files-"));
const modeOf = (file: string) => statSync(file).mode & 0o777;

describe("private files", () => {
  it("are for their owner only, whatever was there before, and leave no draft", async () => {
    await using state = await folder();
    const file = join(state.path, "deep", "er", "key");
    writePrivateFile(file, "one");
    chmodSync(file, 0o644);
    writePrivateFile(file, "two");
    assert.equal(readFileSync(file, "utf8"), "two");
    assert.equal(modeOf(file), 0o600);
    assert.deepEqual(readdirSync(join(state.path, "deep", "er")), ["key"]);
  });

  it("are created once: the first stands", async () => {
    await using state = await folder();
    const file = join(state.path, "key");
    assert.equal(createPrivateFile(file, "first"), true);
    assert.equal(createPrivateFile(file, "second"), false);
    assert.equal(readFileSync(file, "utf8"), "first");
    assert.equal(modeOf(file), 0o600);
    assert.deepEqual(readdirSync(state.path), ["key"]);
  });

  it("leave no draft when they cannot be written", async () => {
    await using state = await folder();
    mkdirSync(join(state.path, "key"));
    assert.throws(() => writePrivateFile(join(state.path, "key"), "text"));
    assert.deepEqual(readdirSync(state.path), ["key"]);
  });

  it("are closed to others when they were not", async () => {
    await using state = await folder();
    const file = join(state.path, "key");
    writePublicFile(file, "text");
    assert.equal(modeOf(file), 0o644);
    assert.equal(closeToOthers(file), true);
    assert.equal(modeOf(file), 0o600);
    assert.equal(closeToOthers(file), false);
  });

  it("are read as undefined when missing; other trouble is thrown", async () => {
    await using state = await folder();
    assert.equal(readFileIfThere(join(state.path, "none")), undefined);
    assert.throws(() => readFileIfThere(state.path), { code: "EISDIR" });
  });

  it("are set aside under a new name each time", async () => {
    await using state = await folder();
    const file = join(state.path, "key");
    const names = ["one", "two"].map((text) => {
      writePrivateFile(file, text);
      return setAside(file, 0);
    });
    assert.equal(existsSync(file), false);
    assert.deepEqual(
      names.map((name) => readFileSync(name, "utf8")),
      ["one", "two"],
    );
  });
});

import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type AccessFile, AccessFileError, openAccessFile } from "./access-file.ts";

const methods = ["echo.EchoServer.SayHello"];
const allowing = (member: string): string => `rules: [{ selector: "*", allow: ["${member}"] }]\n`;

/** An access.yaml on disk, and what its reloads said. */
function openTemporary(text: string) {
  const folder = mkdtempSync(join(tmpdir(), "callpath-access-"));
  const file = join(folder, "access.yaml");
  writeFileSync(file, text);
  const said: [string, string][] = [];
  let heard: (() => void) | undefined;
  const access: AccessFile = openAccessFile({
    file,
    methods,
    values: {},
    pollMs: 5,
    onReload: (severity, message) => {
      said.push([severity, message]);
      heard?.();
    },
  });
  return {
    file,
    access,
    /** The next reload's words. */
    async said(count: number) {
      while (said.length < count)
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      return said[count - 1];
    },
    [Symbol.dispose]() {
      access[Symbol.dispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

describe("openAccessFile", () => {
  it("follows a file that is written to, replaced, removed and back again", async () => {
    using open = openTemporary(allowing("user:ada@example.com"));
    const members = () => open.access.rules.rules[0]?.allow;
    writeFileSync(open.file, allowing("user:bob@example.com"));
    assert.deepEqual((await open.said(1))?.[0], "INFO");
    assert.deepEqual(members(), [{ kind: "user", email: "bob@example.com" }]);

    writeFileSync(`${open.file}.new`, allowing("allUsers"));
    renameSync(`${open.file}.new`, open.file);
    assert.deepEqual((await open.said(2))?.[0], "INFO");
    assert.deepEqual(members(), [{ kind: "allUsers" }]);

    rmSync(open.file);
    const [severity, message] = (await open.said(3)) ?? [];
    assert.equal(severity, "ERROR");
    assert.match(message ?? "", /cannot be read[\s\S]*rules from before stay/);
    assert.deepEqual(members(), [{ kind: "allUsers" }]);

    writeFileSync(open.file, allowing("allAuthenticatedUsers"));
    await open.said(4);
    assert.deepEqual(members(), [{ kind: "allAuthenticatedUsers" }]);
  });

  it("keeps the old rules where the new file is broken, and says where it is", async () => {
    using open = openTemporary(allowing("user:ada@example.com"));
    const before = open.access.rules;
    writeFileSync(open.file, 'rules:\n  - selector: "*"\n    allow: [group:x]\n');
    const [severity, message] = (await open.said(1)) ?? [];
    assert.equal(severity, "ERROR");
    assert.match(message ?? "", /access\.yaml:3:13: error: group:x is no kind/);
    assert.equal(open.access.rules, before);
  });

  it("throws at the start, with every problem", () => {
    using open = openTemporary(allowing("allUsers"));
    writeFileSync(open.file, "rules:\n  - selector: nope\n    allow: [x]\n");
    const count = (error: unknown): boolean =>
      error instanceof AccessFileError && error.problems.length === 2;
    assert.throws(() => openAccessFile({ file: open.file, methods, values: {} }), count);
    const missing = /nowhere\.yaml:1:1: error: the file cannot be read/;
    assert.throws(() => openAccessFile({ file: "nowhere.yaml", methods, values: {} }), missing);
  });
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { installPeer, type PeerCache } from "./install-peer.ts";

class TempCache implements PeerCache, Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "callpath-peers-"));
  path = "";
  isRoot = false;
  readonly said: string[] = [];
  readonly say = (line: string): void => void this.said.push(line);

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const nowhere = { kind: "debian", package: "no-such-package", command: "no-such-command" } as const;
const broken = { kind: "go", package: "not a package/peer", version: "v1.2.3" } as const;

describe("installPeer", () => {
  it("names the line to type for a Debian package that it may not install", async () => {
    using cache = new TempCache();
    await assert.rejects(installPeer("missing", nowhere, cache), {
      message: "peer missing is missing: install it with: apt-get install no-such-package",
    });
  });

  it("finds a program on PATH, silently", async () => {
    using cache = new TempCache();
    const file = join(cache.folder, nowhere.command);
    writeFileSync(file, "");
    cache.path = `/nowhere:${cache.folder}`;
    assert.equal(await installPeer("there", nowhere, cache), file);
    assert.deepEqual(cache.said, []);
  });

  it("takes the pinned version that is there, silently", async () => {
    using cache = new TempCache();
    const file = join(cache.folder, "bin", "there@v1.2.3");
    mkdirSync(join(cache.folder, "bin"));
    writeFileSync(file, "");
    assert.equal(await installPeer("there", broken, cache), file);
    assert.deepEqual(cache.said, []);
  });

  it("fails with what was tried when an installer fails, and leaves nothing half done", async () => {
    using cache = new TempCache();
    await assert.rejects(
      installPeer("broken", broken, cache),
      /^Error: peer broken is missing, and .*go install not a package\/peer@v1[.]2[.]3/s,
    );
    assert.match(cache.said.join(), /installing broken v1[.]2[.]3/);
    assert.deepEqual(readdirSync(cache.folder), []);
  });
});

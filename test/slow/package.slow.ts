import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";

/** The oldest Node that package.json's `engines` promises. */
const OLDEST_NODE = "22.18.0";

const run = (folder: string, command: string, args: readonly string[]) =>
  execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

describe("the package, as npm installs it", () => {
  it(`has its entries and its program on Node ${OLDEST_NODE}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "callpath-package-"));
    try {
      // In a copy: packing rewrites package.json for a moment, and other tests read it.
      const copy = join(folder, "copy");
      cpSync(".", copy, {
        recursive: true,
        filter: (path) => !/(^|\/)(node_modules|[.]git|[.]callpath|dist)$/.test(path),
      });
      symlinkSync(resolve("node_modules"), join(copy, "node_modules"));
      const [packed] = JSON.parse(
        run(copy, "npm", ["pack", "--json", "--pack-destination", folder]),
      );
      const app = join(folder, "app");
      run(folder, "mkdir", ["app"]);
      writeFileSync(join(app, "package.json"), '{"private":true,"type":"module"}');
      run(app, "npm", [
        "install",
        "--no-audit",
        "--no-fund",
        join(folder, packed.filename),
        `node@${OLDEST_NODE}`,
      ]);
      const node = join(app, "node_modules/.bin/node");
      assert.equal(run(app, node, ["--version"]).trim(), `v${OLDEST_NODE}`);
      assert.match(
        run(app, node, ["node_modules/.bin/callpath", "--help"]),
        /^usage: callpath COMMAND/,
      );
      const program = `
        import { startGateway, loadGatewayModel } from "callpath/gateway";
        import { startServer, runServer } from "callpath/server";
        import { connectGateway, runClient } from "callpath/client";
        import { startEmulator } from "callpath/emulator";
        import { rejectionReasons } from "callpath/errors";
        const all = [startGateway, loadGatewayModel, startServer, runServer, connectGateway, runClient, startEmulator];
        console.log(all.every((one) => typeof one === "function"), rejectionReasons.length > 20);
      `;
      assert.equal(run(app, node, ["--input-type=module", "-e", program]), "true true\n");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

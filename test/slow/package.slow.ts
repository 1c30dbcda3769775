import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { findPeers } from "../../tools/peers/find-peers.ts";
import { runPeer } from "../peers/run-peer.ts";

const peers = await findPeers("node-22");

/** What `npm pack` reads; the rest of a checkout has no part in it. */
const packed = [
  ...[
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "README.md",
    "LICENSE",
    "tools",
    "src",
  ],
  ...["buf.yaml", "buf.gen.yaml", "callpath.yaml", "proto", "gen", "server", "client", "gateway"],
];

/** Every entry of package.json's `exports` that a program imports. */
const importer = `
import { startGateway, loadGatewayModel } from "callpath/gateway";
import { startServer, runServer } from "callpath/server";
import { connectGateway, runClient } from "callpath/client";
import { startEmulator } from "callpath/emulator";
import { rejectionReasons } from "callpath/errors";
const all = [startGateway, loadGatewayModel, startServer, runServer, connectGateway, runClient, startEmulator];
console.log(all.every((one) => typeof one === "function"), rejectionReasons.length > 20);
`;

describe("the package, installed by a user whose Node is 22.18", () => {
  const folder = mkdtempSync(join(tmpdir(), "callpath-package-"));
  const project = join(folder, "project");
  const env = { PATH: [dirname(peers["node-22"]), process.env.PATH].join(delimiter) };
  /** A command in the user's project; npm runs on whatever Node it has. */
  const run = async (file: string, args: readonly string[], cwd: string, besides = {}) => {
    const ran = await runPeer(file, args, { timeoutMs: 120_000, cwd, env: besides });
    assert.equal(ran.code, 0, ran.output);
    return ran.output;
  };
  const callpath = (...args: readonly string[]) =>
    run(peers["node-22"], ["node_modules/callpath/dist/cli/callpath.js", ...args], project, env);

  before(async () => {
    const checkout = join(folder, "checkout");
    for (const path of packed) cpSync(path, join(checkout, path), { recursive: true });
    symlinkSync(resolve("node_modules"), join(checkout, "node_modules"));
    await run("npm", ["pack", "--silent", "--pack-destination", folder], checkout);
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
    const quiet = ["--silent", "--no-audit", "--no-fund"];
    await run("npm", ["install", ...quiet, join(folder, "callpath-0.0.0.tgz")], project);
    cpSync(join(project, "node_modules/callpath/dist/template"), project, { recursive: true });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("has the program", async () => {
    assert.match(await callpath("--help"), /^usage: callpath COMMAND/);
  });

  it("has its entries", async () => {
    const said = await run(peers["node-22"], ["--input-type=module", "-e", importer], project, env);
    assert.equal(said, "true true\n");
  });

  it("runs the project that it brings: ten unary calls and a stream through everything", async () => {
    const said = await callpath("dev", "--once", "--port-base", "0");
    assert.equal(said.match(/^ *RPC \d {2}Hello unary RPC msg/gm)?.length, 10, said);
    assert.match(said, /stream Msg2 Stream RPC msg/);
  });
});

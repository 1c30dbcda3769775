/**
 * `node client-through-gateway.ts ENGINE CLIENT [ARG...]`: a "client under test" for connectconformance that is the suite's own
 * CLIENT, led through our gateway: each call's host, port and certificate are overwritten by those of a gateway before
 * the server it names.
 *
 * @see connectrpc/conformance/v1/client_compat.proto for the field numbers
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { openLocalCa } from "../../../src/emulator/ca.ts";
import type { RunningGateway } from "../../../src/gateway/options.ts";
import { engineNamed } from "../suite-engine.ts";
import { Fields, frameOf, readFrames } from "./frames.ts";
import { gatewayBefore } from "./gateway-before.ts";

const [engineName, command, ...args] = process.argv.slice(2);
if (command === undefined)
  throw new Error("usage: client-through-gateway.ts ENGINE CLIENT [ARG...]");

const stateDir = mkdtempSync(join(tmpdir(), "callpath-conformance-"));
const ca = openLocalCa(stateDir, { nowMs: Date.now });
rmSync(stateDir, { recursive: true });
const tls = ca.issue(["localhost", "127.0.0.1"]);
const gateways = new Map<number, Promise<RunningGateway>>();

const client = spawn(command, args, { stdio: ["pipe", "inherit", "inherit"] });
const left = once(client, "close");
process.once("SIGTERM", () => client.kill("SIGTERM"));
client.stdin.on("error", () => {});
for await (const request of readFrames(process.stdin)) {
  if (!client.stdin.write(await throughGateway(request))) {
    await Promise.race([once(client.stdin, "drain"), left]);
  }
}
client.stdin.end();
const [code] = await left;
for (const gateway of gateways.values()) await (await gateway)[Symbol.asyncDispose]();
process.exit(code ?? 1);

async function throughGateway(request: Uint8Array): Promise<Buffer> {
  const fields = new Fields(request);
  const port = fields.number(7);
  const cert = fields.text(8);
  const usesTls = cert !== "";
  const place = { port, cert: usesTls ? cert : undefined };
  const started =
    gateways.get(port) ?? gatewayBefore(place, engineNamed(engineName), usesTls ? tls : undefined);
  gateways.set(port, started);
  const { url } = await started;
  const instead = new BinaryWriter();
  instead.tag(6, WireType.LengthDelimited).string(url.hostname);
  instead.tag(7, WireType.Varint).uint32(Number(url.port));
  if (usesTls) instead.tag(8, WireType.LengthDelimited).string(ca.certPem);
  return frameOf(request, instead);
}

/**
 * `node server-behind-gateway.ts ENGINE SERVER [ARG...]`: a "server under test" for connectconformance that is the suite's own
 * SERVER behind our gateway; TLS on both sides where the suite asks for it.
 *
 * @see connectrpc/conformance/v1/server_compat.proto for the field numbers
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { engineNamed } from "../suite-engine.ts";
import { Fields, frameOf, readFrames } from "./frames.ts";
import { gatewayBefore } from "./gateway-before.ts";

const [engineName, command, ...args] = process.argv.slice(2);
if (command === undefined)
  throw new Error("usage: server-behind-gateway.ts ENGINE SERVER [ARG...]");

const request = await firstFrame(process.stdin);
const server = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const left = once(server, "close");
const stop = once(process, "SIGTERM");
server.stdin.end(frameOf(request));
const response = await firstFrame(server.stdout);

const asked = new Fields(request);
const creds = new Fields(asked.bytes(7));
const place = new Fields(response);
const usesTls = asked.number(4) !== 0;
const gateway = await gatewayBefore(
  { port: place.number(2), cert: usesTls ? place.text(3) : undefined },
  engineNamed(engineName),
  usesTls ? { cert: creds.text(1), key: creds.text(2) } : undefined,
);
const port = new BinaryWriter().tag(2, WireType.Varint).uint32(Number(gateway.url.port));
process.stdout.write(frameOf(response, port));

await Promise.race([stop, left]);
server.kill("SIGTERM");
await Promise.all([gateway[Symbol.asyncDispose](), left]);
process.exit();

async function firstFrame(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  for await (const frame of readFrames(stream)) return frame;
  throw new Error("the stream ended before its first message");
}

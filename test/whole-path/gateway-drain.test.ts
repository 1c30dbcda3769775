import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { FrameType, LAST_STREAM_ID } from "../../src/http2/frames.ts";
import { firstValue } from "../../src/http2/head.ts";
import { Decoder } from "../../src/http2/hpack/decoder.ts";
import { defaultLimits } from "../../src/http2/limits.ts";
import { KeyServer, walkthroughConfig } from "../gateway-in-the-middle.ts";
import { block, frame, RawPeer } from "../http2/raw-peer.ts";
import { Backend, echoBack } from "../raw-http2.ts";
import { googleClaims, TokenMaker } from "../token-maker.ts";
import { bareEnv } from "./bare-env.ts";
import { echoService } from "./services.ts";

/** From the signal until the process is gone, milliseconds. */
const END_MS = 8_000;
const REFUSED_STREAM = 7;

for (const engine of ["callpath", "node"]) {
  describe(`SIGTERM of callpath gateway under load, ${engine} engine`, () => {
    it("GOAWAY names the last stream it serves: each up to it ends by its own answer, none above it went on", async () => {
      await using world = await startWorld(engine);
      const { backend, peer, gateway } = world;
      // More is held than the backend has answered.
      const answers: (() => void)[] = [];
      let isHolding = true;
      const first = 40;
      const arrived = Promise.withResolvers<void>();
      backend.onCall = (stream, body) => {
        const answer = () => {
          if (!stream.destroyed) echoBack(stream, body);
        };
        if (isHolding) answers.push(answer);
        else answer();
        if (answers.length === first) arrived.resolve();
      };
      const calls = new Calls(peer, world.authorization);
      calls.make(first);
      await arrived.promise;

      const signalledAtMs = performance.now();
      const exited = once(gateway, "exit") as Promise<[number | null]>;
      gateway.kill("SIGTERM");
      await peer.until(({ type }) => type === FrameType.GOAWAY);
      calls.make(20);
      const { payload } = await peer.until(
        (each) => each.type === FrameType.GOAWAY && lastIdOf(each.payload) !== LAST_STREAM_ID,
      );
      const last = lastIdOf(payload);
      assert.equal(payload.readUInt32BE(4), 0, "NO_ERROR");
      assert.ok(last >= 2 * first - 1, `${last}: what had arrived is served`);
      calls.make(10);
      isHolding = false;
      for (const answer of answers) answer();
      await peer.ended;
      const [code] = await exited;
      assert.equal(code, 0);
      assert.ok(performance.now() - signalledAtMs < END_MS);

      const ends = calls.ends();
      for (const { id, status, reset } of ends)
        if (id <= last)
          assert.deepEqual({ id, status, reset }, { id, status: "0", reset: undefined });
        else {
          assert.equal(status, undefined, `stream ${id} is above ${last}`);
          assert.ok(reset === undefined || reset === REFUSED_STREAM);
        }
      const forwarded = backend.calls.map(({ headers }) => Number(headers["x-call"]));
      assert.deepEqual(
        forwarded.toSorted((a, b) => a - b),
        ends.map(({ id }) => id).filter((id) => id <= last),
      );
    });
  });
}

/** Calls on raw frames: a client that opens streams also where it should not. */
class Calls {
  readonly #peer: RawPeer;
  readonly #authorization: string;
  readonly #ids: number[] = [];

  constructor(peer: RawPeer, authorization: string) {
    this.#peer = peer;
    this.#authorization = authorization;
  }

  make(count: number): void {
    for (let n = 0; n < count; n++) {
      const id = 2 * this.#ids.length + 1;
      this.#ids.push(id);
      const head = block(
        [":method", "POST"],
        [":scheme", "http"],
        [":path", echoService.unary.path],
        [":authority", "localhost"],
        ["content-type", "application/grpc"],
        ["te", "trailers"],
        ["authorization", this.#authorization],
        ["x-call", String(id)],
      );
      this.#peer.send(
        frame(FrameType.HEADERS, END_HEADERS, id, head),
        frame(FrameType.DATA, END_STREAM, id, echoService.unary.request),
      );
    }
  }

  /** How each ended, as far as frames say. */
  ends() {
    const decoder = new Decoder(defaultLimits);
    const statuses = new Map<number, string | undefined>();
    const resets = new Map<number, number>();
    for (const { type, flags, id, payload } of this.#peer.frames) {
      if (type === FrameType.RST_STREAM) resets.set(id, payload.readUInt32BE(0));
      if (type !== FrameType.HEADERS) continue;
      const { fields } = decoder.decode(payload, 0, payload.length);
      if ((flags & END_STREAM) !== 0) statuses.set(id, firstValue(fields, "grpc-status"));
    }
    return this.#ids.map((id) => ({ id, status: statuses.get(id), reset: resets.get(id) }));
  }
}

const END_STREAM = 1;
const END_HEADERS = 4;

const lastIdOf = (goaway: Buffer): number => goaway.readUInt32BE(0) & LAST_STREAM_ID;

/** The real program between a client on frames and a backend. */
async function startWorld(engine: string) {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "callpath-drain-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const keys = new TokenMaker();
  const keyServer = stack.use(new KeyServer(keys.jwks));
  const jwks = await keyServer.listen();
  const backend = stack.use(new Backend());
  const port = await backend.listen();
  const config = join(folder, "api_config.yaml");
  writeFileSync(config, walkthroughConfig);
  const gateway = spawn(
    process.execPath,
    [
      ...[resolve("src/cli/callpath.js"), "gateway", "--engine", engine, "--listen", "127.0.0.1:0"],
      ...["--config", config, "--image", resolve("gen/descriptor.pb"), "--identity", "none"],
      ...["--set", `BACKEND=127.0.0.1:${port}`, "--set", `JWKS=${jwks}`],
    ],
    { cwd: folder, env: bareEnv(folder), stdio: ["ignore", "pipe", "inherit"] },
  );
  stack.defer(() => ended(gateway));
  const address = await lineOf(gateway, /^listening on (\S+)$/);
  const peer = stack.use(await RawPeer.connect(Number(new URL(address).port)));
  const authorization = `Bearer ${keys.mint(googleClaims(Date.now(), "grpcs://grpc-gateway-1"))}`;
  const rest = stack.move();
  return {
    backend,
    gateway,
    peer,
    authorization,
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

async function lineOf(child: ChildProcess, wanted: RegExp): Promise<string> {
  assert.ok(child.stdout !== null);
  for await (const line of createInterface(child.stdout)) {
    const found = wanted.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error(`it ended before it said ${wanted}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

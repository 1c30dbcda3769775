import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  block,
  frame,
  type RawFrame,
  RawPeer,
  request,
  uint32,
} from "../../test/http2/raw-peer.ts";
import { headOf, Recorder, type Seen } from "../../test/http2/recorder.ts";
import { callpathEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import { LOST } from "./exchange.ts";
import { Flag, FrameType } from "./frames.ts";
import { defaultLimits } from "./limits.ts";
import { startHttpServer } from "./server.ts";

const { HEADERS, DATA, PING, GOAWAY, RST_STREAM } = FrameType;
const END = Flag.END_STREAM | Flag.END_HEADERS;
const ANSWER = headOf([":status", "200"], ["grpc-status", "0"]);
const isPing = ({ type, flags }: RawFrame) => type === PING && flags === 0;
const ask = (id: number) => frame(HEADERS, END, id, block(...request));
const lastIds = (peer: RawPeer) =>
  peer.frames.filter(({ type }) => type === GOAWAY).map(({ payload }) => payload.readUInt32BE(0));

describe("a server that drains", () => {
  it("says 2^31-1 first, serves what was on its way, then names the last id it serves; none above it is begun", async () => {
    await using drained = await start();
    const { peer, callee } = drained;
    peer.send(ask(1));
    await callee.nth(0);
    const disposed = drained.dispose();
    const ping = await peer.until(isPing);
    assert.deepEqual(lastIds(peer), [2 ** 31 - 1]);
    peer.send(ask(3), frame(PING, Flag.ACK, 0, ping.payload), ask(5));
    await peer.until(({ type, payload }) => type === GOAWAY && payload.readUInt32BE(0) === 3);
    // Its fields still count: the table must stay in step.
    peer.send(ask(7), frame(DATA, 0, 9, Buffer.from("x")));
    for (const nth of [0, 1]) (await callee.nth(nth)).exchange?.head(ANSWER, true);
    await disposed;
    assert.deepEqual(lastIds(peer), [2 ** 31 - 1, 3]);
    assert.equal(callee.all.length, 2);
    const answered = peer.frames.filter(({ type }) => type === HEADERS).map(({ id }) => id);
    assert.deepEqual(answered, [1, 3]);
  });

  it("waits only so long for the PING, then names the last id all the same", async () => {
    await using drained = await start();
    const { peer, callee } = drained;
    peer.send(ask(1));
    const seen = await callee.nth(0);
    const disposed = drained.dispose();
    await peer.until(({ type, payload }) => type === GOAWAY && payload.readUInt32BE(0) === 1);
    peer.send(ask(3));
    seen.exchange?.head(ANSWER, true);
    await disposed;
    assert.equal(callee.all.length, 1);
  });

  it("ends what lasts longer than the bound, and does not wait for a peer that reads nothing", async () => {
    await using drained = await start(40);
    const { peer, callee } = drained;
    peer.send(ask(1));
    const seen = await callee.nth(0);
    peer.socket.pause();
    const fromMs = performance.now();
    await drained.dispose();
    assert.ok(performance.now() - fromMs < 1000);
    assert.ok([ErrorCodes.CANCEL, LOST].includes(seen.code ?? 0));
  });

  it("ends an answer that is not read by the bound, as it ends one that is not given", async () => {
    await using drained = await start(40);
    const { peer, callee } = drained;
    peer.send(ask(1));
    const seen = await callee.nth(0);
    seen.exchange?.head(headOf([":status", "200"]), false);
    seen.exchange?.data(Buffer.alloc(1_000_000), true);
    await drained.dispose();
    assert.notEqual(seen.code, 0);
    assert.ok(
      !peer.frames.some(({ type, flags }) => type === DATA && (flags & Flag.END_STREAM) !== 0),
    );
  });

  it("takes a client's GOAWAY for what it is: that client starts no more", async () => {
    await using drained = await start();
    const { peer, callee } = drained;
    peer.send(ask(1), frame(GOAWAY, 0, 0, uint32(0, 0)));
    (await callee.nth(0)).exchange?.head(ANSWER, true);
    await peer.until(({ type, id }) => type === HEADERS && id === 1);
    assert.equal(peer.frames.filter(({ type }) => type === RST_STREAM).length, 0);
  });
});

async function start(drainMs = 2000) {
  const callee = new Recorder();
  const server = await startHttpServer<Seen>({
    host: "127.0.0.1",
    port: 0,
    engine: callpathEngine,
    limits: defaultLimits,
    handler: callee,
    drainMs,
  });
  const peer = await RawPeer.connect(server.port);
  return {
    peer,
    callee,
    dispose: () => server[Symbol.asyncDispose](),
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      assert.deepEqual(callee.violations, []);
    },
  };
}

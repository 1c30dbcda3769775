import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { startAttacked } from "../../test/http2/attacked.ts";
import { openPair } from "../../test/http2/pair.ts";
import {
  block,
  frame,
  type RawPeer,
  request,
  settings,
  uint32,
} from "../../test/http2/raw-peer.ts";
import { headOf, Recorder, requestHead } from "../../test/http2/recorder.ts";
import { Connection } from "./connection.ts";
import { callpathEngine, createEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import { Flag, FrameType, PREFACE, Setting } from "./frames.ts";
import { firstValue } from "./head.ts";
import { defaultLimits } from "./limits.ts";

const { HEADERS, DATA, PING, WINDOW_UPDATE } = FrameType;
const OK = headOf([":status", "200"]);
const DONE = headOf(["grpc-status", "0"]);
const engines = { server: callpathEngine, client: callpathEngine };

describe("what is received and not read", () => {
  it("limits.heldBytes: the exchange that holds most is reset, the others go on", async () => {
    await using held = await openPair(
      engines,
      {
        onHead: (exchange, head) => {
          exchange.head(OK, false);
          const size = Number(firstValue(head, "size"));
          if (size > 0) exchange.data(Buffer.alloc(size), false);
          if (firstValue(head, "stay") !== "1") exchange.head(DONE, true);
        },
      },
      { client: { reads: false }, clientLimits: { heldBytes: 500_000 } },
    );
    const large = held.call(requestHead(["size", "250000"]), true);
    await large.seen.until(({ bytes }) => bytes === 250_000);
    const small = held.call(requestHead(["size", "200000"]), true);
    await small.seen.until(({ bytes }) => bytes === 200_000);
    assert.equal(large.seen.code, 0, "what ended holds nothing any more");
    const open = [1, 2, 3].map(() =>
      held.call(requestHead(["size", "240000"], ["stay", "1"]), true),
    );
    for (const { seen } of open) {
      await seen.until(({ bytes, code }) => bytes === 240_000 || code !== undefined);
    }
    assert.equal(open.filter(({ seen }) => seen.code === ErrorCodes.ENHANCE_YOUR_CALM).length, 1);
    const after = held.call(requestHead(["size", "0"]), true);
    assert.equal(await after.seen.closed(), 0);
  });

  it("limits.engineHeldBytes: many connections at their limit, the largest holders are reset", async () => {
    const engine = createEngine();
    const limits = { engineHeldBytes: 1_000_000, sessionWindow: 100_000 };
    const behaviour = {
      onHead: (exchange: { head: (head: typeof OK, end: boolean) => void }) =>
        exchange.head(OK, false),
      reads: false,
    };
    const pairs = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(() =>
        openPair({ server: engine, client: callpathEngine }, behaviour, { serverLimits: limits }),
      ),
    );
    const calls = pairs.map((pair) => {
      const { exchange, seen } = pair.call(requestHead(), false);
      exchange.data(Buffer.alloc(230_000), false);
      return seen;
    });
    await Promise.any(calls.map((seen) => seen.closed()));
    assert.ok(calls.filter(({ code }) => code === ErrorCodes.ENHANCE_YOUR_CALM).length >= 1);
    for (const pair of pairs) await pair[Symbol.asyncDispose]();
  });
});

describe("trailers that no header may look like", () => {
  it("end their exchange also where data waits before them, and nothing else", async () => {
    await using pair = await openPair(
      { server: callpathEngine, client: callpathEngine },
      {
        onHead: (exchange) => {
          exchange.head(OK, false);
          exchange.data(Buffer.alloc(600_000), false);
          exchange.head([{ name: "Not A Name", value: "1", sensitive: false }], true);
        },
      },
    );
    const { seen } = pair.call(requestHead(), true);
    assert.equal(await seen.closed(), ErrorCodes.INTERNAL_ERROR);
  });
});

describe("limits.engineHeldBytes", () => {
  it("binds also where each connection holds less than its own window", async () => {
    const engine = createEngine();
    const limits = { engineHeldBytes: 500_000, streamWindow: 100_000, sessionWindow: 8_000_000 };
    const onHead = (exchange: { head: (head: typeof OK, end: boolean) => void }) =>
      exchange.head(OK, false);
    const pairs = await Promise.all(
      [1, 2, 3, 4].map(() =>
        openPair(
          { server: engine, client: callpathEngine },
          { onHead, reads: false },
          { serverLimits: limits },
        ),
      ),
    );
    const calls = pairs.flatMap((pair) =>
      [1, 2, 3].map(() => {
        const { exchange, seen } = pair.call(requestHead(), false);
        exchange.data(Buffer.alloc(90_000), false);
        return seen;
      }),
    );
    await Promise.any(calls.map((seen) => seen.closed()));
    assert.ok(calls.some(({ code }) => code === ErrorCodes.ENHANCE_YOUR_CALM));
    for (const pair of pairs) await pair[Symbol.asyncDispose]();
  });
});

describe("output that nobody reads", () => {
  it("limits.outputBytes: data waits in the exchanges when the socket takes no more", async () => {
    await using attacked = await startAttacked({ outputBytes: 100_000 });
    const peer = await attacked.attacker();
    peer.socket.pause();
    openWindows(peer);
    peer.send(ask(0, ["size", "30000000"]));
    const seen = await attacked.callee.nth(0);
    await attacked.callWell();
    const session = seen.exchange?.session;
    assert.ok(session instanceof Connection);
    assert.ok(session.output.backlog < 100_000 + 2 * 16_384, `${session.output.backlog} bytes`);
    peer.socket.resume();
    await peer.until(({ type, flags }) => type === HEADERS && (flags & Flag.END_STREAM) !== 0);
    const received = peer.frames.reduce(
      (sum, { type, payload }) => sum + (type === DATA ? payload.length : 0),
      0,
    );
    assert.equal(received, 30_000_000);
  });

  for (const [what, flood] of [
    ["answers", (nth: number) => ask(nth)],
    ["PING acks", () => frame(PING, 0, 0, Buffer.alloc(8))],
    ["resets", (nth: number) => frame(HEADERS, 5, nth * 2 + 1, block(["x", "1"]))],
  ] as const) {
    it(`limits.backlogBytes, ${what}: the connection ends`, () => {
      const socket = new StuckSocket();
      const callee = new Recorder({ onHead: (exchange) => exchange.head([...OK, ...DONE], true) });
      const limits = {
        ...defaultLimits,
        backlogBytes: 50_000,
        turnWork: 1e9,
        controls: { burst: 1e9, perSecond: 0 },
        refusals: { burst: 1e9, perSecond: 0 },
      };
      const session = callpathEngine.serve(socket as unknown as Socket, undefined, limits, callee);
      assert.ok(session instanceof Connection);
      session.read(Buffer.concat([PREFACE, settings()]));
      let nth = 0;
      while (session.output.backlog > 0 && nth < 100_000 && !socket.writableEnded) {
        session.read(Buffer.concat(Array.from({ length: 10 }, () => flood(nth++))));
      }
      assert.ok(socket.writableEnded);
      assert.ok(nth < 50_000 / 11 + 100, `after ${nth} frames`);
      socket.destroy();
    });
  }
});

/** Takes nothing of what is written to it. */
class StuckSocket extends Duplex {
  readonly remoteAddress = "127.0.0.1";
  override _read(): void {}
  override _write(): void {}
}

function ask(nth: number, ...fields: [string, string][]): Buffer {
  return frame(
    HEADERS,
    Flag.END_STREAM | Flag.END_HEADERS,
    nth * 2 + 1,
    block(...request, ...fields),
  );
}

function openWindows(peer: RawPeer): void {
  peer.send(
    settings([Setting.INITIAL_WINDOW_SIZE, 0x7fffffff]),
    frame(WINDOW_UPDATE, 0, 0, uint32(0x3fffffff)),
  );
}

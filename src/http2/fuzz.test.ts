import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import fc from "fast-check";
import { block, frame, request, settings, uint32 } from "../../test/http2/raw-peer.ts";
import { headOf, Recorder, requestHead, Seen } from "../../test/http2/recorder.ts";
import { Connection } from "./connection.ts";
import { createEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import { FrameType, PREFACE } from "./frames.ts";
import { defaultLimits } from "./limits.ts";

const id = fc.oneof(fc.nat({ max: 12 }), fc.constantFrom(0x7fffffff, 0xffffffff));
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const flags = fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 12, 32, 45), fc.nat({ max: 255 }));
const heads = fc.constantFrom(
  block(...request),
  block([":status", "200"]),
  block(["grpc-status", "0"]),
  block([":status", "103"]),
  Buffer.from("400161016282be", "hex"),
);
const frames = fc.oneof(
  {
    arbitrary: fc.tuple(fc.nat({ max: 11 }), flags, id, bytes(40)).map((all) => frame(...all)),
    weight: 4,
  },
  {
    arbitrary: fc
      .tuple(fc.constantFrom(FrameType.HEADERS, FrameType.CONTINUATION), flags, id, heads)
      .map(([type, each, of, head]) => frame(type, each & 5, of, head)),
    weight: 4,
  },
  {
    arbitrary: fc
      .tuple(id, bytes(60), fc.boolean())
      .map(([of, body, ends]) => frame(FrameType.DATA, ends ? 1 : 0, of, body)),
    weight: 3,
  },
  {
    arbitrary: fc
      .tuple(id, fc.nat())
      .map(([of, more]) => frame(FrameType.WINDOW_UPDATE, 0, of, uint32(more))),
    weight: 2,
  },
  {
    arbitrary: fc
      .tuple(id, fc.nat({ max: 13 }))
      .map(([of, code]) => frame(FrameType.RST_STREAM, 0, of, uint32(code))),
    weight: 1,
  },
  { arbitrary: fc.tuple(fc.nat({ max: 8 }), fc.nat()).map((pair) => settings(pair)), weight: 1 },
  { arbitrary: bytes(20).map((each) => Buffer.from(each)), weight: 1 },
);
const traffic = fc.array(frames, { maxLength: 40 });

describe("whatever the bytes", () => {
  it("a server ends the exchange or the connection, and holds nothing after it", async () => {
    await fc.assert(
      fc.asyncProperty(traffic, async (all) => {
        const recorder = new Recorder({
          onHead: (exchange) => exchange.head(headOf([":status", "200"]), false),
          onData: (exchange, data, end) => {
            exchange.data(data, false);
            if (end) exchange.head(headOf(["grpc-status", "0"]), true);
          },
          onTrailers: (exchange) => exchange.head(headOf(["grpc-status", "0"]), true),
        });
        const socket = new NullSocket();
        const session = createEngine().serve(
          socket as unknown as Socket,
          undefined,
          defaultLimits,
          recorder,
        );
        await attack(session, [PREFACE, settings(), ...all], recorder, socket);
      }),
      { numRuns: 400 },
    );
  });

  it("a client does so, too", async () => {
    await fc.assert(
      fc.asyncProperty(traffic, async (all) => {
        const recorder = new Recorder();
        const socket = new NullSocket();
        const session = createEngine().connect(
          socket as unknown as Socket,
          defaultLimits,
          recorder,
        );
        assert.ok(session instanceof Connection);
        session.read(settings());
        const calls = [1, 2, 3, 4].map((nth) => {
          const seen = new Seen();
          seen.exchange = session.start(requestHead(), nth % 2 === 0, recorder, seen);
          seen.exchange?.data(Buffer.alloc(70_000), false);
          return seen;
        });
        await attack(session, all, recorder, socket);
        for (const seen of calls) assert.notEqual(seen.code, undefined);
      }),
      { numRuns: 400 },
    );
  });
});

async function attack(
  session: unknown,
  all: readonly Uint8Array[],
  recorder: Recorder,
  socket: Duplex,
): Promise<void> {
  assert.ok(session instanceof Connection);
  for (const each of all) session.read(Buffer.from(each));
  session.destroy(ErrorCodes.CANCEL);
  socket.destroy();
  await recorder.ended.promise;
  assert.equal(recorder.ends, 1);
  assert.deepEqual(recorder.violations, []);
  assert.equal(session.open, 0);
  assert.equal(session.receive.held, 0);
  for (const seen of recorder.all) {
    assert.notEqual(seen.code, undefined);
    assert.deepEqual(seen.errors, []);
  }
}

/** Takes everything, says nothing. */
class NullSocket extends Duplex {
  readonly remoteAddress = "127.0.0.1";
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

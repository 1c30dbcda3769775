import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { frame } from "../../test/http2/raw-peer.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { Flag, FRAME_BYTES, FrameType } from "./frames.ts";

const frames = fc.array(
  fc.record({
    type: fc.constantFrom(FrameType.DATA, FrameType.HEADERS, FrameType.PING, 99),
    flags: fc.constantFrom(0, Flag.END_STREAM, Flag.PADDED, Flag.PADDED | Flag.END_STREAM),
    id: fc.nat({ max: 0x7fffffff }),
    body: fc.uint8Array({ maxLength: 300 }),
    padding: fc.nat({ max: 40 }),
  }),
  { maxLength: 12 },
);

describe("FrameReader", () => {
  it("reads the same frames however the bytes are cut", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat({ max: 60 }), { maxLength: 200 }), (all, cuts) => {
        const sent = all.map(({ type, flags, id, body, padding }) => {
          const isPadded = (flags & Flag.PADDED) !== 0 && type === FrameType.DATA;
          const payload = isPadded
            ? Buffer.concat([Buffer.from([padding]), body, Buffer.alloc(padding)])
            : Buffer.from(body);
          return {
            bytes: frame(type, flags, id, payload),
            type,
            flags,
            id,
            body: Buffer.from(body),
          };
        });
        const log = new Log();
        const reader = new FrameReader(log);
        let rest = Buffer.concat(sent.map(({ bytes }) => bytes));
        for (const cut of cuts) {
          // A buffer of its own, as reads have: what is kept of it must be a copy.
          const part = Buffer.from(rest.subarray(0, cut));
          rest = rest.subarray(cut);
          reader.push(part, 0);
          if (log.mayScrub) part.fill(0xff);
        }
        reader.push(rest, 0);
        assert.deepEqual(
          log.frames,
          sent.map(({ type, flags, id, body }) => ({
            type,
            flags,
            id,
            body: body.toString("hex"),
          })),
        );
      }),
      { numRuns: 300 },
    );
  });

  for (const [what, bytes, reason] of [
    [
      "a frame of 16 385 octets",
      frame(FrameType.DATA, 0, 1, Buffer.alloc(FRAME_BYTES + 1)),
      "too large",
    ],
    [
      "the announcement of one",
      frame(FrameType.HEADERS, 0, 1, Buffer.alloc(FRAME_BYTES + 1)).subarray(0, 9),
      "too large",
    ],
    [
      "padding as long as its frame",
      frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([1])),
      "padding",
    ],
    [
      "padding longer than its frame",
      frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([5, 0, 0])),
      "padding",
    ],
  ] as const) {
    it(`refuses ${what}, also byte by byte`, () => {
      for (const size of [1, bytes.length]) {
        const log = new Log();
        const reader = new FrameReader(log);
        log.onUnreadable = (why) => {
          log.unreadable.push(why);
          reader.stop();
        };
        for (let at = 0; at < bytes.length; at += size)
          reader.push(bytes.subarray(at, at + size), 0);
        assert.deepEqual(log.unreadable, [reason]);
      }
    });
  }

  it("takes memory for what came, not for what was announced", () => {
    const reader = new FrameReader(new Log());
    reader.push(frame(FrameType.HEADERS, 0, 1, Buffer.alloc(FRAME_BYTES)).subarray(0, 20), 0);
    assert.equal(reader.restType, FrameType.HEADERS);
    assert.ok(reader.restCapacity <= 64);
  });
});

/** Puts the parts of DATA together again. */
class Log implements FrameSink {
  readonly frames: { type: number; flags: number; id: number; body: string }[] = [];
  readonly unreadable: string[] = [];
  readonly mayScrub = true;
  #data: { flags: number; id: number; body: string } | undefined;

  onFrame(type: number, flags: number, id: number, payload: Buffer, at: number, end: number): void {
    this.frames.push({ type, flags, id, body: payload.toString("hex", at, end) });
  }

  onDataBegin(flags: number, id: number): void {
    this.#data = { flags, id, body: "" };
  }

  onDataPart(source: Buffer, at: number, end: number, isLast: boolean): void {
    assert.ok(this.#data !== undefined);
    this.#data.body += source.toString("hex", at, end);
    if (isLast) this.frames.push({ type: FrameType.DATA, ...this.#data });
  }

  onUnreadable(reason: string): void {
    this.unreadable.push(reason);
  }
}

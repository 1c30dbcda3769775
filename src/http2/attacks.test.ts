import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Attacked, startAttacked } from "../../test/http2/attacked.ts";
import {
  block,
  frame,
  type RawPeer,
  request,
  settings,
  uint32,
} from "../../test/http2/raw-peer.ts";
import { ErrorCodes } from "./error-code.ts";
import { Flag, FrameType, PREFACE, Setting } from "./frames.ts";
import type { Limits } from "./limits.ts";

const { HEADERS, DATA, CONTINUATION, RST_STREAM, PING, SETTINGS, PRIORITY, WINDOW_UPDATE } =
  FrameType;
const { ENHANCE_YOUR_CALM, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, REFUSED_STREAM } = ErrorCodes;
const END = Flag.END_STREAM | Flag.END_HEADERS;

/** HEADERS of the nth exchange of a connection, request open. */
function open(nth: number, ...fields: [string, string][]): Buffer {
  return frame(HEADERS, Flag.END_HEADERS, nth * 2 + 1, block(...request, ...fields));
}

/** The same, whole. */
function ask(nth: number, ...fields: [string, string][]): Buffer {
  return frame(HEADERS, END, nth * 2 + 1, block(...request, ...fields));
}

function cancel(nth: number): Buffer {
  return frame(RST_STREAM, 0, nth * 2 + 1, uint32(ErrorCodes.CANCEL));
}

function times(count: number, make: (nth: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, nth) => make(nth)));
}

/** An attack that must end in GOAWAY with that code, and cost a client beside it nothing. */
function itEnds(
  name: string,
  code: number,
  limits: Partial<Limits>,
  attack: (peer: RawPeer, attacked: Attacked) => void | Promise<void>,
): void {
  it(`${name}: the connection ends, a client beside it loses nothing`, async () => {
    await using attacked = await startAttacked(limits);
    await attacked.callWell();
    const peer = await attacked.attacker();
    const beside = attacked.callWell();
    await attack(peer, attacked);
    await beside;
    assert.equal(await peer.goaway(), code);
    await attacked.callWell();
    await attacked.atRest();
  });
}

describe("floods", () => {
  itEnds("limits.resets, rapid reset", ENHANCE_YOUR_CALM, {}, (peer) => {
    peer.send(times(2000, (nth) => Buffer.concat([open(nth, ["wait", "1"]), cancel(nth)])));
  });

  it("limits.resets: calls that end well give back what resets cost", async () => {
    await using attacked = await startAttacked({ resets: { burst: 10, perSecond: 0 } });
    const peer = await attacked.attacker();
    for (let nth = 0; nth < 100; nth += 2) {
      peer.send(ask(nth), open(nth + 1, ["wait", "1"]));
      await peer.until(({ type, id, flags }) => {
        return type === HEADERS && id === nth * 2 + 1 && (flags & Flag.END_STREAM) !== 0;
      });
      peer.send(cancel(nth + 1));
    }
    await peer.settled();
  });

  itEnds("limits.refusals, made you reset by windows of zero", ENHANCE_YOUR_CALM, {}, (peer) => {
    peer.send(
      times(2000, (nth) =>
        Buffer.concat([open(nth, ["wait", "1"]), frame(WINDOW_UPDATE, 0, nth * 2 + 1, uint32(0))]),
      ),
    );
  });

  itEnds("limits.refusals, made you reset by too large windows", ENHANCE_YOUR_CALM, {}, (peer) => {
    peer.send(
      times(2000, (nth) =>
        Buffer.concat([
          open(nth, ["wait", "1"]),
          frame(WINDOW_UPDATE, 0, nth * 2 + 1, uint32(0x7fffffff)),
        ]),
      ),
    );
  });

  itEnds("limits.refusals, made you reset by malformed heads", ENHANCE_YOUR_CALM, {}, (peer) => {
    peer.send(times(2000, (nth) => open(nth, ["connection", "close"])));
  });

  for (const [what, flood] of [
    ["PING", () => frame(PING, 0, 0, Buffer.alloc(8))],
    ["PING acks", () => frame(PING, Flag.ACK, 0, Buffer.alloc(8))],
    ["SETTINGS", () => settings([Setting.INITIAL_WINDOW_SIZE, 65_535])],
    ["PRIORITY", () => frame(PRIORITY, 0, 1, Buffer.alloc(5))],
    ["WINDOW_UPDATE", () => frame(WINDOW_UPDATE, 0, 0, uint32(1))],
    ["empty DATA", () => frame(DATA, 0, 1)],
    ["unknown frames", () => frame(99, 0, 0)],
    ["resets of closed exchanges", () => frame(RST_STREAM, 0, 3, uint32(8))],
    ["data of closed exchanges", () => frame(DATA, 0, 3, Buffer.from("x"))],
  ] as const) {
    itEnds(`limits.controls, ${what}`, ENHANCE_YOUR_CALM, {}, (peer) => {
      peer.send(open(0, ["wait", "1"]), open(1, ["wait", "1"]), cancel(1), times(20_000, flood));
    });
  }

  itEnds("limits.continuations, empty ones", ENHANCE_YOUR_CALM, {}, (peer) => {
    peer.send(
      frame(HEADERS, 0, 1, block(...request)),
      times(1000, () => frame(CONTINUATION, 0, 1)),
    );
  });

  itEnds("limits.blockBytes, large ones", ENHANCE_YOUR_CALM, {}, (peer) => {
    const some = block(["x", "y".repeat(16_000)]);
    peer.send(
      frame(HEADERS, 0, 1, block(...request)),
      times(20, () => frame(CONTINUATION, 0, 1, some)),
    );
  });

  it("limits.streams: what is above them is refused, the rest goes on", async () => {
    await using attacked = await startAttacked({ streams: 50 });
    const peer = await attacked.attacker();
    peer.send(times(100, (nth) => open(nth, ["wait", "1"])));
    assert.equal(await peer.reset(101), REFUSED_STREAM);
    await peer.settled();
    assert.equal(peer.frames.filter(({ type }) => type === RST_STREAM).length, 50);
    await attacked.callWell();
    assert.equal(attacked.callee.all.length, 70);
    await attacked.atRest();
  });
});

describe("header bombs", () => {
  it("limits.headerBytes: an exchange with a larger list is reset, its table entries stay in step", async () => {
    await using attacked = await startAttacked();
    const peer = await attacked.attacker();
    // An entry of 4 KB that is named 100 times is 400 KB for 100 octets.
    const entry = Buffer.concat([
      Buffer.from([0x40, 1, 97, 127, 0xa1, 0x1e]),
      Buffer.alloc(4000, 98),
    ]);
    const bomb = Buffer.concat([block(...request), entry, Buffer.alloc(16, 0xbe)]);
    peer.send(frame(HEADERS, END, 1, bomb));
    assert.equal(await peer.reset(1), ENHANCE_YOUR_CALM);
    peer.send(frame(HEADERS, END, 3, Buffer.concat([block(...request), Buffer.from([0xbe])])));
    await peer.until(({ type, id }) => type === HEADERS && id === 3);
    const [seen] = attacked.callee.all;
    assert.equal(seen?.heads[0]?.at(-1)?.value.length, 4000);
    await attacked.callWell();
    await attacked.atRest();
  });

  it("limits.headerFields: an exchange with more is reset (LM-4)", async () => {
    await using attacked = await startAttacked();
    const peer = await attacked.attacker();
    const fields = (count: number) =>
      Array.from({ length: count }, (_, nth): [string, string] => [`x-${nth}`, ""]);
    peer.send(ask(0, ...fields(97)), ask(1, ...fields(96)));
    assert.equal(await peer.reset(1), ENHANCE_YOUR_CALM);
    await peer.until(({ type, id }) => type === HEADERS && id === 3);
    await attacked.atRest();
  });

  itEnds("limits.refusals, header bombs without end", ENHANCE_YOUR_CALM, {}, (peer) => {
    const entry = Buffer.concat([
      Buffer.from([0x40, 1, 97, 127, 0xa1, 0x1e]),
      Buffer.alloc(4000, 98),
    ]);
    const bomb = Buffer.concat([Buffer.alloc(8000, 0xbe)]);
    peer.send(
      frame(HEADERS, END, 1, Buffer.concat([block(...request), entry])),
      times(1000, (nth) => frame(HEADERS, END, nth * 2 + 3, bomb)),
    );
  });

  it("HPACK state: blocks that are refused, malformed, too large, padded, cut or late still fill the table", async () => {
    await using attacked = await startAttacked({ streams: 3, headerBytes: 1000 });
    const peer = await attacked.attacker();
    // Each inserts x-N: N; what stands at its place in the table is known only if all before it were decoded.
    const entry = (nth: number) => Buffer.from([0x40, 1, 65 + nth + 32, 1, 48 + nth]);
    const good = block(...request);
    const sends: Buffer[] = [
      frame(
        HEADERS,
        Flag.END_HEADERS,
        1,
        Buffer.concat([block(...request, ["wait", "1"]), entry(0)]),
      ),
      frame(
        HEADERS,
        END | Flag.PADDED,
        3,
        Buffer.concat([Buffer.from([3]), good, entry(1), Buffer.alloc(3)]),
      ),
      frame(HEADERS, END | Flag.PRIORITY, 5, Buffer.concat([Buffer.alloc(5), good, entry(2)])),
      frame(HEADERS, END, 7, Buffer.concat([good, block(["connection", "x"]), entry(3)])),
      frame(HEADERS, END, 9, Buffer.concat([good, block(["x", "y".repeat(2000)]), entry(4)])),
      Buffer.concat([
        frame(HEADERS, Flag.END_STREAM, 11, Buffer.concat([good, entry(5).subarray(0, 2)])),
        frame(CONTINUATION, Flag.END_HEADERS, 11, entry(5).subarray(2)),
      ]),
      frame(HEADERS, END, 7, entry(6)),
      ...[13, 15, 17].map((id) =>
        frame(HEADERS, Flag.END_HEADERS, id, block(...request, ["wait", "1"])),
      ),
      frame(HEADERS, END, 19, Buffer.concat([good, entry(7)])),
      cancel(6),
    ];
    for (const each of sends) {
      peer.send(each);
      await peer.settled();
    }
    peer.send(
      frame(
        HEADERS,
        END,
        21,
        Buffer.concat([good, Buffer.from([0xbe, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5])]),
      ),
    );
    await peer.until(({ type, id }) => type === HEADERS && id === 21);
    const last = attacked.callee.all.at(-1)?.heads[0]?.slice(4) ?? [];
    assert.deepEqual(
      last.map(({ name, value }) => `${name}${value}`),
      ["h7", "g6", "f5", "e4", "d3", "c2", "b1", "a0"],
    );
    await attacked.callWell(3);
  });

  itEnds("a block that cannot be decoded", ErrorCodes.COMPRESSION_ERROR, {}, (peer) => {
    peer.send(frame(HEADERS, END, 1, Buffer.from([0xff, 0xff, 0xff, 0xff])));
  });
});

describe("heads that are malformed", () => {
  for (const [what, fields] of [
    ["upper case in a name", [...request, ["X-A", "1"]]],
    ["a name that is no token", [...request, ["x a", "1"]]],
    ["an empty name", [...request, ["", "1"]]],
    ["CR in a value", [...request, ["x", "a\rb"]]],
    ["LF in a value", [...request, ["x", "a\nb: c"]]],
    ["NUL in a value", [...request, ["x", "a\0b"]]],
    ["connection", [...request, ["connection", "close"]]],
    ["transfer-encoding", [...request, ["transfer-encoding", "chunked"]]],
    ["upgrade", [...request, ["upgrade", "h2c"]]],
    ["te other than trailers", [...request, ["te", "trailers, deflate"]]],
    ["a pseudo-header after a field", [["x", "1"], ...request]],
    ["a pseudo-header twice", [...request.slice(0, 4), [":path", "/b"]]],
    ["an unknown pseudo-header", [...request, [":protocol", "x"]]],
    [":status in a request", [...request, [":status", "200"]]],
    ["no path", request.filter(([name]) => name !== ":path")],
    ["an empty path", request.map(([name, value]) => [name, name === ":path" ? "" : value])],
    ["a path that is a URL", request.map(([n, v]) => [n, n === ":path" ? "http://x/" : v])],
    ["a path with a space", request.map(([n, v]) => [n, n === ":path" ? "/ HTTP/1.1" : v])],
    ["a method with a line end", request.map(([n, v]) => [n, n === ":method" ? "A\r\nB" : v])],
    ["an authority that host contradicts", [...request, ["host", "y"]]],
    ["two different hosts", [...request.slice(0, 3), ["host", "x"], ["host", "y"]]],
    [
      "content-length twice, different",
      [...request, ["content-length", "1"], ["content-length", "2"]],
    ],
    ["content-length that is no number", [...request, ["content-length", "+1"]]],
    ["content-length without a body", [...request, ["content-length", "1"]]],
  ] as [string, [string, string][]][]) {
    it(`${what}: reset with PROTOCOL_ERROR, nobody sees it`, async () => {
      await using attacked = await startAttacked();
      const peer = await attacked.attacker();
      peer.send(frame(HEADERS, END, 1, block(...fields)), ask(1));
      assert.equal(await peer.reset(1), PROTOCOL_ERROR);
      await peer.until(({ type, id }) => type === HEADERS && id === 3);
      assert.equal(attacked.callee.all.length, 1);
    });
  }

  it("limits.rejectUnderscores: a name with an underscore, reset with INTERNAL_ERROR (HD-9)", async () => {
    await using attacked = await startAttacked({ rejectUnderscores: true });
    const peer = await attacked.attacker();
    peer.send(ask(0, ["x_a", "1"]), open(1, ["wait", "1"]));
    assert.equal(await peer.reset(1), ErrorCodes.INTERNAL_ERROR);
    peer.send(frame(HEADERS, END, 3, block(["x_a", "1"])));
    assert.equal(await peer.reset(3), ErrorCodes.INTERNAL_ERROR);
    assert.equal(attacked.callee.all.length, 1);
    await using lenient = await startAttacked();
    const other = await lenient.attacker();
    other.send(ask(0, ["x_a", "1"]));
    await other.until(({ type, id }) => type === HEADERS && id === 1);
  });

  for (const [what, trailers] of [
    ["a pseudo-header", [[":path", "/b"]]],
    ["connection", [["connection", "close"]]],
    ["LF in a value", [["x", "a\nb"]]],
    ["upper case", [["X-Apigateway-Api-Userinfo", "e30"]]],
  ] as [string, [string, string][]][]) {
    it(`trailers with ${what}: reset with PROTOCOL_ERROR`, async () => {
      await using attacked = await startAttacked();
      const peer = await attacked.attacker();
      peer.send(open(0), frame(HEADERS, END, 1, block(...trailers)));
      assert.equal(await peer.reset(1), PROTOCOL_ERROR);
      const seen = await attacked.callee.nth(0);
      assert.equal(await seen.closed(), PROTOCOL_ERROR);
      assert.equal(seen.trailers, undefined);
    });
  }

  for (const [what, sent] of [
    ["more than content-length says", ["1234", "56789"]],
    ["less than content-length says", ["1234"]],
  ] as const) {
    it(`a body of ${what}: reset with PROTOCOL_ERROR`, async () => {
      await using attacked = await startAttacked();
      const peer = await attacked.attacker();
      const last = sent.length - 1;
      peer.send(
        open(0, ["content-length", "5"]),
        ...sent.map((part, nth) => frame(DATA, nth === last ? 1 : 0, 1, Buffer.from(part))),
      );
      assert.equal(await peer.reset(1), PROTOCOL_ERROR);
    });
  }
});

describe("windows", () => {
  it("limits.streamWindow: an exchange that sends more is reset", async () => {
    await using attacked = await startAttacked({ streamWindow: 100_000 }, { reads: false });
    const peer = await attacked.attacker();
    await peer.until(({ type }) => type === SETTINGS);
    peer.send(frame(SETTINGS, Flag.ACK, 0), open(0, ["wait", "1"]));
    peer.send(times(7, () => frame(DATA, 0, 1, Buffer.alloc(16_384))));
    assert.equal(await peer.reset(1), FLOW_CONTROL_ERROR);
    await attacked.callWell();
  });

  it("limits.sessionWindow: is what the peer is told, and is given back by halves on arrival", async () => {
    await using attacked = await startAttacked({ sessionWindow: 100_000 }, { reads: false });
    const peer = await attacked.attacker();
    const credits = () =>
      peer.frames
        .filter(({ type, id }) => type === WINDOW_UPDATE && id === 0)
        .map(({ payload }) => payload.readUInt32BE(0));
    peer.send(open(0, ["wait", "1"]));
    await peer.settled();
    assert.deepEqual(credits(), [100_000 - 65_535]);
    peer.send(times(3, () => frame(DATA, 0, 1, Buffer.alloc(16_384))));
    await peer.settled();
    assert.equal(credits().length, 1);
    peer.send(frame(DATA, 0, 1, Buffer.alloc(848)));
    await peer.settled();
    assert.deepEqual(credits().slice(1), [50_000]);
  });

  itEnds("a connection's window beyond 2^31-1", FLOW_CONTROL_ERROR, {}, (peer) => {
    peer.send(frame(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff)));
  });

  itEnds("SETTINGS with a window beyond 2^31-1", FLOW_CONTROL_ERROR, {}, (peer) => {
    peer.send(settings([Setting.INITIAL_WINDOW_SIZE, 0x80000000]));
  });

  it("takes windows below zero, and sends again when they are above", async () => {
    await using attacked = await startAttacked();
    const peer = await attacked.attacker();
    peer.send(ask(0, ["size", "70000"]));
    await peer.until(() => bytesOf(peer, 1) === 65_535);
    peer.send(settings([Setting.INITIAL_WINDOW_SIZE, 1000]));
    peer.send(frame(WINDOW_UPDATE, 0, 0, uint32(100_000)));
    await peer.settled();
    assert.equal(bytesOf(peer, 1), 65_535);
    peer.send(frame(WINDOW_UPDATE, 0, 1, uint32(64_535 + 10)));
    await peer.until(() => bytesOf(peer, 1) === 65_545);
    peer.send(frame(WINDOW_UPDATE, 0, 1, uint32(100_000)));
    await peer.until(({ type, flags }) => type === HEADERS && (flags & Flag.END_STREAM) !== 0);
    assert.equal(bytesOf(peer, 1), 70_000);
  });
});

describe("time", () => {
  it("limits.prefaceMs: a connection that says nothing, or a byte at a time, is closed", async () => {
    await using attacked = await startAttacked({ prefaceMs: 60 });
    const silent = await attacked.attacker(Buffer.alloc(0));
    const slow = await attacked.attacker(PREFACE.subarray(0, 3));
    const begun = await attacked.attacker(PREFACE);
    await Promise.all([silent.ended, slow.ended]);
    assert.equal(await begun.goaway(), ErrorCodes.SETTINGS_TIMEOUT);
    await attacked.callWell();
    await attacked.atRest();
  });

  itEnds(
    "limits.settingsAckMs, no acknowledgement",
    ErrorCodes.SETTINGS_TIMEOUT,
    { settingsAckMs: 60 },
    () => {},
  );

  itEnds("limits.headerMs, a head without end", ENHANCE_YOUR_CALM, { headerMs: 60 }, (peer) => {
    peer.send(frame(HEADERS, 0, 1, block(...request)));
  });

  itEnds(
    "limits.headerMs, a HEADERS frame without end",
    ENHANCE_YOUR_CALM,
    { headerMs: 60 },
    (peer) => {
      peer.send(ask(0).subarray(0, 20));
    },
  );

  it("limits.headerMs: no limit for a head that is whole", async () => {
    await using attacked = await startAttacked({ headerMs: 40 });
    const peer = await attacked.attacker();
    peer.send(frame(SETTINGS, Flag.ACK, 0), ask(0).subarray(0, 20));
    peer.send(ask(0).subarray(20));
    // A call that takes longer than the limit ends after it.
    const slow = await attacked.attacker();
    slow.send(frame(HEADERS, 0, 1, block(...request)));
    assert.equal(await slow.goaway(), ENHANCE_YOUR_CALM);
    await peer.settled();
  });

  it("limits.idleMs: a connection without exchanges is closed, one with an exchange is not", async () => {
    await using attacked = await startAttacked({ idleMs: 100 });
    const idle = await attacked.attacker();
    const busy = await attacked.attacker();
    busy.send(open(0, ["wait", "1"]));
    assert.equal(await idle.goaway(), ErrorCodes.NO_ERROR);
    await busy.settled();
  });

  it("limits.stallMs: a connection that takes nothing of its output is closed", async () => {
    await using attacked = await startAttacked({ stallMs: 100 });
    const peer = await attacked.attacker();
    peer.socket.pause();
    peer.send(
      settings([Setting.INITIAL_WINDOW_SIZE, 0x7fffffff]),
      frame(WINDOW_UPDATE, 0, 0, uint32(0x3fffffff)),
      times(20, (nth) => ask(nth, ["size", "1000000"])),
    );
    await attacked.callWell();
    for (let nth = 0; nth < 20; nth++) {
      const seen = await attacked.callee.nth(20 + nth);
      assert.notEqual(await seen.closed(), undefined);
    }
    await attacked.atRest();
  });
});

function bytesOf(peer: RawPeer, id: number): number {
  return peer.frames
    .filter((each) => each.type === DATA && each.id === id)
    .reduce((sum, { payload }) => sum + payload.length, 0);
}

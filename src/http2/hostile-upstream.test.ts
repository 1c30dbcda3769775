import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  block,
  frame,
  type RawPeer,
  settings,
  startRawServer,
  uint32,
} from "../../test/http2/raw-peer.ts";
import {
  type Behaviour,
  Recorder,
  requestHead,
  Seen,
  sessionOf,
} from "../../test/http2/recorder.ts";
import { UpstreamPool } from "./client.ts";
import { callpathEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import { LOST, type Session } from "./exchange.ts";
import { Flag, FrameType, Setting } from "./frames.ts";
import { defaultLimits, type Limits } from "./limits.ts";

const { HEADERS, DATA, CONTINUATION, RST_STREAM, PING, SETTINGS, WINDOW_UPDATE, GOAWAY } =
  FrameType;
const END = Flag.END_STREAM | Flag.END_HEADERS;
const { PROTOCOL_ERROR, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, INTERNAL_ERROR } = ErrorCodes;

function head(id: number, ends: boolean, ...fields: [string, string][]): Buffer {
  return frame(HEADERS, ends ? END : Flag.END_HEADERS, id, block(...fields));
}

/** Faults of one answer. The call on stream 1 ends with that code; the one on stream 3, answered after it, does not notice. */
const oneCall: [what: string, code: number, answer: () => Buffer[], limits?: Partial<Limits>][] = [
  ["data before the head", PROTOCOL_ERROR, () => [frame(DATA, 0, 1, Buffer.from("x"))]],
  ["no :status", PROTOCOL_ERROR, () => [head(1, false, ["x", "1"])]],
  [":status 800", PROTOCOL_ERROR, () => [head(1, true, [":status", "800"])]],
  [":status 20", PROTOCOL_ERROR, () => [head(1, true, [":status", "20"])]],
  [":status 101", PROTOCOL_ERROR, () => [head(1, false, [":status", "101"])]],
  ["a 1xx that ends", PROTOCOL_ERROR, () => [head(1, true, [":status", "103"])]],
  [":path in an answer", PROTOCOL_ERROR, () => [head(1, true, [":status", "200"], [":path", "/"])]],
  ["upper case", PROTOCOL_ERROR, () => [head(1, true, [":status", "200"], ["X-A", "1"])]],
  ["CR and LF", PROTOCOL_ERROR, () => [head(1, true, [":status", "200"], ["x", "a\r\nb"])]],
  ["NUL", PROTOCOL_ERROR, () => [head(1, true, [":status", "200"], ["x", "a\0b"])]],
  ["connection", PROTOCOL_ERROR, () => [head(1, true, [":status", "200"], ["connection", "x"])]],
  [
    "trailers without end",
    PROTOCOL_ERROR,
    () => [head(1, false, [":status", "200"]), head(1, false, ["grpc-status", "0"])],
  ],
  [
    "trailers with :status",
    PROTOCOL_ERROR,
    () => [head(1, false, [":status", "200"]), head(1, true, [":status", "200"])],
  ],
  [
    "less than content-length",
    PROTOCOL_ERROR,
    () => [head(1, false, [":status", "200"], ["content-length", "5"]), frame(DATA, 1, 1)],
  ],
  [
    "limits.headerBytes, a head that is too large",
    ENHANCE_YOUR_CALM,
    () => [head(1, true, [":status", "200"], ["x", "y".repeat(6000)])],
    { headerBytes: 6000 },
  ],
  [
    "limits.informational, more 1xx than that",
    ENHANCE_YOUR_CALM,
    () => Array.from({ length: 17 }, () => head(1, false, [":status", "103"])),
  ],
  [
    "a reset with NO_ERROR before its end",
    INTERNAL_ERROR,
    () => [head(1, false, [":status", "200"]), frame(RST_STREAM, 0, 1, uint32(0))],
  ],
  ["a window update of 0", PROTOCOL_ERROR, () => [frame(WINDOW_UPDATE, 0, 1, uint32(0))]],
  [
    "a window beyond 2^31-1",
    FLOW_CONTROL_ERROR,
    () => [frame(WINDOW_UPDATE, 0, 1, uint32(0x7fffffff))],
  ],
  [
    "limits.streamWindow, more data than it",
    FLOW_CONTROL_ERROR,
    () => [
      head(1, false, [":status", "200"]),
      ...Array.from({ length: 5 }, () => frame(DATA, 0, 1, Buffer.alloc(16_384))),
    ],
    { streamWindow: 65_535 },
  ],
];

/** Faults of the connection: it ends with that code, and the calls on it with LOST. */
const connection: [what: string, code: number, answer: () => Uint8Array[]][] = [
  [
    "HPACK that cannot be read",
    ErrorCodes.COMPRESSION_ERROR,
    () => [frame(HEADERS, END, 1, Buffer.from([0xff]))],
  ],
  [
    "an oversized frame",
    ErrorCodes.FRAME_SIZE_ERROR,
    () => [frame(DATA, 0, 1, Buffer.alloc(16_385))],
  ],
  ["PUSH_PROMISE", PROTOCOL_ERROR, () => [frame(FrameType.PUSH_PROMISE, 4, 1, uint32(2))]],
  ["SETTINGS that allow pushes", PROTOCOL_ERROR, () => [settings([Setting.ENABLE_PUSH, 1])]],
  ["an answer nobody asked for", PROTOCOL_ERROR, () => [head(99, true, [":status", "200"])]],
  ["an answer on an even stream", PROTOCOL_ERROR, () => [head(2, true, [":status", "200"])]],
  [
    "limits.continuations, a flood",
    ENHANCE_YOUR_CALM,
    () => [
      frame(HEADERS, 0, 1, block([":status", "200"])),
      ...Array.from({ length: 100 }, () => frame(CONTINUATION, 0, 1)),
    ],
  ],
  [
    "limits.controls, a flood of PING",
    ENHANCE_YOUR_CALM,
    () => Array.from({ length: 20_000 }, () => frame(PING, 0, 0, Buffer.alloc(8))),
  ],
];

describe("an upstream that is hostile", () => {
  for (const [what, code, answer, limits] of oneCall) {
    it(`${what}: only that call ends`, async () => {
      await using server = await startRawServer((peer) => {
        peer.send(settings());
        void peer
          .until(({ type, id }) => type === HEADERS && id === 3)
          .then(() =>
            peer.send(...answer(), head(3, true, [":status", "200"], ["grpc-status", "0"])),
          );
      });
      await using client = await openClient(server.port, limits, { reads: false });
      const bad = client.call();
      const good = client.call();
      assert.equal(await bad.closed(), code);
      assert.equal(await good.closed(), 0);
      assert.equal(client.session.open, 0);
      assert.deepEqual(client.caller.violations, []);
    });
  }

  for (const [what, code, answer] of connection) {
    it(`${what}: the connection ends, its calls are LOST, the next call gets another`, async () => {
      const goaway = Promise.withResolvers<number | undefined>();
      await using server = await startRawServer((peer, nth) => {
        peer.send(settings());
        void peer
          .until(({ type }) => type === HEADERS)
          .then(() => {
            if (nth > 0) peer.send(head(1, true, [":status", "200"]));
            else {
              peer.send(...answer());
              goaway.resolve(peer.goaway());
            }
          });
      });
      await using client = await openClient(server.port);
      assert.equal(await client.call().closed(), LOST);
      assert.equal(await goaway.promise, code);
      assert.equal(await (await client.again()).closed(), 0);
    });
  }

  it("an answer of HTTP/1.1: no connection, and it says why", async () => {
    await using server = await startRawServer((peer) => {
      peer.socket.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    });
    await assert.rejects(openClient(server.port), /unreachable: .* no HTTP\/2 answer/);
  });

  it("silence after the connection is made: no connection after the timeout", async () => {
    await using server = await startRawServer(() => {});
    await assert.rejects(openClient(server.port, {}, {}, 60), /no HTTP\/2 connection within 60 ms/);
  });

  it("limits.keepaliveMs, limits.keepaliveTimeoutMs: an upstream that vanished is given up", async () => {
    const pings: RawPeer[] = [];
    await using server = await startRawServer((peer) => {
      pings.push(peer);
      peer.send(settings(), frame(SETTINGS, Flag.ACK, 0));
    });
    await using client = await openClient(server.port, { keepaliveMs: 40, keepaliveTimeoutMs: 40 });
    assert.equal(await client.call().closed(), LOST);
    assert.equal(pings[0]?.frames.filter(({ type }) => type === PING).length, 1);
  });

  it("limits.keepaliveMs: an upstream that answers the PING is kept", async () => {
    let pings = 0;
    await using server = await startRawServer((peer) => {
      peer.send(settings(), frame(SETTINGS, Flag.ACK, 0));
      const answer = async () => {
        for (; pings < 3; pings++) {
          await peer.until(({ type }) => type === PING);
          peer.send(frame(PING, Flag.ACK, 0, peer.frames.at(-1)?.payload));
          peer.frames.length = 0;
        }
        peer.send(head(1, true, [":status", "200"]));
      };
      void answer();
    });
    await using client = await openClient(server.port, {
      keepaliveMs: 20,
      keepaliveTimeoutMs: 200,
    });
    assert.equal(await client.call().closed(), 0);
    assert.equal(pings, 3);
  });

  it("GOAWAY: calls above its last id were never begun there, those below end by themselves", async () => {
    await using server = await startRawServer((peer, nth) => {
      peer.send(settings());
      void peer
        .until(({ type, id }) => type === HEADERS && id === (nth === 0 ? 5 : 1))
        .then(async () => {
          if (nth > 0) return peer.send(head(1, true, [":status", "200"]));
          peer.send(frame(GOAWAY, 0, 0, uint32(3, 0)));
          peer.send(head(1, true, [":status", "200"]), head(3, true, [":status", "200"]));
        });
    });
    await using client = await openClient(server.port);
    const calls = [client.call(), client.call(), client.call()];
    const codes = await Promise.all(calls.map((seen) => seen.closed()));
    assert.deepEqual(codes, [0, 0, ErrorCodes.REFUSED_STREAM]);
    assert.equal(client.session.capacity, 0);
    assert.equal(await (await client.again()).closed(), 0);
  });

  it("limits.exchanges: a connection that used up its ids is followed by another", async () => {
    let connections = 0;
    await using server = await startRawServer((peer) => {
      connections++;
      peer.send(settings());
      for (const id of [1, 3]) {
        void peer
          .until((each) => each.type === HEADERS && each.id === id)
          .then(() => peer.send(head(id, true, [":status", "200"])))
          .catch(() => {});
      }
    });
    await using client = await openClient(server.port, { exchanges: 2 });
    for (let nth = 0; nth < 6; nth++) assert.equal(await (await client.again()).closed(), 0);
    assert.equal(connections, 3);
  });

  it("limits.ownResets: a connection with many cancelled calls is followed by another; its calls go on", async () => {
    const finish = Promise.withResolvers<void>();
    let connections = 0;
    await using server = await startRawServer((peer) => {
      connections++;
      peer.send(settings());
      void finish.promise.then(() => peer.send(head(1, true, [":status", "200"])));
    });
    await using client = await openClient(server.port, { ownResets: { burst: 3, perSecond: 0 } });
    const kept = client.call();
    for (let nth = 0; nth < 4; nth++) client.call().reset(ErrorCodes.CANCEL);
    assert.equal(client.session.capacity, 0);
    const next = await client.again();
    finish.resolve();
    assert.equal(await kept.closed(), 0);
    assert.equal(await next.closed(), 0);
    assert.equal(connections, 2);
  });
});

/** A client with one connection, that makes calls by hand. */
async function openClient(
  port: number,
  limits: Partial<Limits> = {},
  behaviour: Behaviour = {},
  connectTimeoutMs = 2000,
): Promise<
  {
    readonly session: Session;
    readonly caller: Recorder;
    call(): Seen;
    /** On whatever connection the pool has now. */
    again(): Promise<Seen>;
  } & AsyncDisposable
> {
  const pool = new UpstreamPool({
    host: "127.0.0.1",
    port,
    engine: callpathEngine,
    limits: { ...defaultLimits, ...limits },
    connectTimeoutMs,
  });
  const caller = new Recorder(behaviour);
  const start = (session: Session) => {
    const seen = new Seen();
    seen.exchange = session.start(requestHead(), true, caller, seen);
    assert.ok(seen.exchange !== undefined);
    return seen;
  };
  try {
    const session = await sessionOf(pool);
    return {
      session,
      caller,
      call: () => start(session),
      again: async () => start(await sessionOf(pool)),
      async [Symbol.asyncDispose]() {
        for (const each of pool.sessions) each.destroy(ErrorCodes.CANCEL);
        await pool[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await pool[Symbol.asyncDispose]();
    throw error;
  }
}

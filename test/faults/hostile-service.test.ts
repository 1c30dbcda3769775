import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callpathEngine } from "../../src/http2/engine.ts";
import { ErrorCodes } from "../../src/http2/error-code.ts";
import { Flag, FrameType } from "../../src/http2/frames.ts";
import type { Limits } from "../../src/http2/limits.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";
import { block, frame, settings, uint32 } from "../http2/raw-peer.ts";
import { grpcFrame } from "../raw-http2.ts";
import { goodAnswer, head, ok, startDriven } from "./driven-service.ts";
import { assertAnswered, assertUnavailable, TwoServices } from "./two-services.ts";

const { HEADERS, DATA, CONTINUATION, RST_STREAM, PING, PUSH_PROMISE, WINDOW_UPDATE } = FrameType;
const END = Flag.END_STREAM | Flag.END_HEADERS;

interface Fault {
  readonly what: string;
  /** What the service sends for the call on that stream. */
  readonly send: (id: number) => Uint8Array[];
  readonly limits?: Partial<Limits>;
  /** What node:http2 makes of it instead: nothing a caller must hear of differs, but how much ends with it. */
  readonly onNode?:
    | "ends the connection"
    | "drops the field"
    | "ends at the deadline"
    | "has no such limit";
}

/** An entry of 4,000 bytes for the table, then named again and again: 400 KB for 100 octets. */
const bomb = Buffer.concat([
  block(...ok),
  Buffer.from([0x40, 1, 97, 127, 0xa1, 0x1e]),
  Buffer.alloc(4000, 98),
  Buffer.alloc(100, 0xbe),
]);

/** Before the answer's head: that call ends with 14, its neighbour on the same connection does not notice. */
const faultsOfOneCall: readonly Fault[] = [
  {
    what: "data before the head",
    send: (id) => [frame(DATA, 0, id, grpcFrame("x"))],
    onNode: "ends the connection",
  },
  { what: "no :status", send: (id) => [head(id, false, ["x", "1"])] },
  { what: ":status 800", send: (id) => [head(id, true, [":status", "800"])] },
  { what: "a name in upper case", send: (id) => [head(id, true, ...ok, ["X-A", "1"])] },
  {
    what: "CR and LF in a value",
    send: (id) => [head(id, true, ...ok, ["x", "a\r\nforged: c"])],
    onNode: "drops the field",
  },
  {
    what: "NUL in a value",
    send: (id) => [head(id, true, ...ok, ["x", "forged\0b"])],
    onNode: "drops the field",
  },
  { what: "a hop-by-hop header", send: (id) => [head(id, true, ...ok, ["connection", "close"])] },
  { what: ":path in an answer", send: (id) => [head(id, true, ...ok, [":path", "/"])] },
  {
    what: "limits.headerBytes, a head that is too large",
    send: (id) => [head(id, true, ...ok, ["x", "y".repeat(9000)])],
    limits: { headerBytes: 8000 },
    onNode: "has no such limit",
  },
  { what: "an HPACK bomb", send: (id) => [frame(HEADERS, END, id, bomb)] },
  {
    what: "limits.informational, 1xx without end",
    send: (id) => Array.from({ length: 40 }, () => head(id, false, [":status", "103"])),
    onNode: "ends at the deadline",
  },
  {
    what: "a reset with CANCEL",
    send: (id) => [frame(RST_STREAM, 0, id, uint32(ErrorCodes.CANCEL))],
  },
  {
    what: "a reset with NO_ERROR",
    send: (id) => [frame(RST_STREAM, 0, id, uint32(ErrorCodes.NO_ERROR))],
  },
  {
    what: "a window update of 0",
    send: (id) => [frame(WINDOW_UPDATE, 0, id, uint32(0))],
    onNode: "ends the connection",
  },
];

/** After the head: the caller sees a reset, never a clean end. */
const faultsOfABegunAnswer: readonly Fault[] = [
  { what: "trailers without their end", send: (id) => [head(id, false, ["grpc-status", "0"])] },
  {
    what: "trailers with LF",
    send: (id) => [head(id, true, ["grpc-status", "0"], ["x", "a\nforged"])],
    onNode: "drops the field",
  },
  {
    what: "trailers with :status",
    send: (id) => [head(id, true, [":status", "200"], ["grpc-status", "0"])],
  },
  {
    what: "a reset with NO_ERROR",
    send: (id) => [frame(RST_STREAM, 0, id, uint32(ErrorCodes.NO_ERROR))],
    // To node:http2 it is an end like any other; without trailers it is none to a gRPC client.
    onNode: "drops the field",
  },
  {
    what: "a reset with INTERNAL_ERROR",
    send: (id) => [frame(RST_STREAM, 0, id, uint32(ErrorCodes.INTERNAL_ERROR))],
  },
];

/** Faults of the connection: the calls on it end with 14, the next call gets another connection. */
const faultsOfTheConnection: readonly Fault[] = [
  {
    what: "HPACK that cannot be read",
    send: (id) => [frame(HEADERS, END, id, Buffer.from([0xff]))],
  },
  { what: "an oversized frame", send: (id) => [frame(DATA, 0, id, Buffer.alloc(16_385))] },
  { what: "PUSH_PROMISE", send: (id) => [frame(PUSH_PROMISE, 4, id, uint32(2))] },
  { what: "an answer nobody asked for", send: () => [head(999, true, ...ok)] },
  {
    what: "limits.continuations, a flood",
    send: (id) => [
      frame(HEADERS, 0, id, block(...ok)),
      ...Array.from({ length: 1000 }, () => frame(CONTINUATION, 0, id)),
    ],
  },
  {
    what: "limits.headerMs, headers that never end",
    send: (id) => [frame(HEADERS, 0, id, block(...ok))],
    limits: { headerMs: 60 },
    onNode: "ends at the deadline",
  },
  {
    what: "limits.controls, a flood of PING",
    send: () => [
      Buffer.concat(Array.from({ length: 20_000 }, () => frame(PING, 0, 0, Buffer.alloc(8)))),
    ],
    onNode: "has no such limit",
  },
  {
    what: "limits.controls, a flood of SETTINGS",
    send: () => [Buffer.concat(Array.from({ length: 20_000 }, () => settings()))],
    onNode: "has no such limit",
  },
  { what: "an answer of HTTP/1.1", send: () => [Buffer.from("HTTP/1.1 200 OK\r\n\r\n")] },
];

for (const engine of [callpathEngine, nodeEngine]) {
  const asSaid = ({ onNode }: Fault) => engine === callpathEngine || onNode === undefined;

  describe(`a service that is hostile, ${engine.name} engine`, () => {
    for (const { what, send, limits = {} } of faultsOfOneCall.filter(asSaid)) {
      it(`${what}: that call is 14, its neighbour on the connection and the client beside lose nothing`, async () => {
        await using service = await startDriven((peer, id, nth) => {
          // The neighbour's request is there too: both answers leave in one piece, the bad one first.
          if (nth === 1) peer.send(...send(1), goodAnswer(id));
          else if (nth > 1) peer.send(goodAnswer(id));
        });
        await using both = await TwoServices.start(service.port, { engine, limits });
        const [bad, neighbour] = await Promise.all([both.call(), both.call()]);
        assertUnavailable(bad, /^upstream connect error or disconnect\/reset before headers\. /);
        assertAnswered(neighbour);
        assertAnswered(await both.call());
        assert.equal(service.connections, 1);
        assert.equal(service.requests, 3, "a call that the service has seen is not sent again");
        await both.beside.goesOn();
      });
    }

    for (const { what, send, limits = {} } of faultsOfABegunAnswer.filter(asSaid)) {
      it(`${what}, after the head: that call is reset, its neighbour and the client beside lose nothing`, async () => {
        await using service = await startDriven((peer, id, nth) => {
          if (nth === 1) peer.send(head(1, false, ...ok), ...send(1), goodAnswer(id));
          else if (nth > 1) peer.send(goodAnswer(id));
        });
        await using both = await TwoServices.start(service.port, { engine, limits });
        const [bad, neighbour] = await Promise.all([both.call(), both.call()]);
        assert.notEqual(bad.resetCode, 0, "a reset never becomes a clean end");
        assert.equal(bad.trailers["grpc-status"], undefined);
        assertAnswered(neighbour);
        assertAnswered(await both.call());
        assert.equal(service.connections, 1);
        await both.beside.goesOn();
      });
    }

    for (const { what, send, limits = {} } of faultsOfTheConnection.filter(asSaid)) {
      it(`${what}: the calls of that connection are 14, the next one gets another connection`, async () => {
        await using service = await startDriven((peer, id, nth) => {
          if (nth === 1) peer.send(...send(1));
          else if (nth > 1) peer.send(goodAnswer(id));
        });
        await using both = await TwoServices.start(service.port, { engine, limits });
        const calls = await Promise.all([both.call(), both.call()]);
        for (const each of calls) assertUnavailable(each, /^upstream connect error/);
        assertAnswered(await both.call());
        assert.equal(service.connections, 2);
        await both.beside.goesOn();
      });
    }
  });
}

describe("a service that is hostile, what node:http2 sees otherwise", () => {
  const all = [faultsOfOneCall, faultsOfABegunAnswer, faultsOfTheConnection].flat();
  for (const fault of all.filter(({ onNode }) => onNode !== undefined)) {
    const { what, send, onNode } = fault;
    it(`${what}: node:http2 ${onNode}; the call ends, nothing forged arrives, the client beside loses nothing`, async () => {
      await using service = await startDriven((peer, id, nth) => {
        const begun = faultsOfABegunAnswer.includes(fault) ? [head(id, false, ...ok)] : [];
        if (nth === 0) peer.send(...begun, ...send(id));
        else peer.send(goodAnswer(id));
      });
      await using both = await TwoServices.start(service.port, {
        engine: nodeEngine,
        deadlineS: 0.3,
      });
      const { headers, trailers } = await both.call();
      assert.doesNotMatch(JSON.stringify([headers, trailers]), /forged/);
      await both.beside.goesOn();
    });
  }
});

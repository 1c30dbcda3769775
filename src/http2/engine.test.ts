import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { openPair } from "../../test/http2/pair.ts";
import { headOf, pairs, requestHead } from "../../test/http2/recorder.ts";
import { callpathEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import { LOST } from "./exchange.ts";
import { firstValue } from "./head.ts";
import { nodeEngine } from "./node-engine.ts";

const OK = headOf([":status", "200"], ["content-type", "application/grpc"]);
const DONE = headOf(["grpc-status", "0"]);

/** Every pairing: the two engines must also understand each other. */
for (const [server, client] of [
  [callpathEngine, callpathEngine],
  [nodeEngine, nodeEngine],
  [callpathEngine, nodeEngine],
  [nodeEngine, callpathEngine],
] as const) {
  const engines = { server, client };
  describe(`${client.name} calls ${server.name}`, () => {
    it("carries heads with order of equal names, duplicates and every byte that text may hold", async () => {
      // nghttp2 drops fields with other control characters.
      const latin1 = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
        .filter((char) => /[\t\x20-\x7e\x80-\xff]/.test(char))
        .join("");
      await using pair = await openPair(engines, {
        onHead: (exchange, head) => {
          exchange.head([...OK, ...head.filter(({ name }) => name.startsWith("k"))], true);
        },
      });
      const metadata: [string, string][] = [
        ["k", "2"],
        ["k", "1"],
        ["k-bin", "AAEC"],
        ["k-text", `x${latin1.trim()}x`],
        ["k", "1"],
      ];
      const { seen } = pair.call(requestHead(...metadata), true);
      assert.equal(await seen.closed(), 0);
      const [head] = seen.heads;
      for (const name of ["k", "k-bin", "k-text"]) {
        assert.deepEqual(
          pairs(head).filter(([each]) => each === name),
          metadata.filter(([each]) => each === name),
        );
      }
    });

    it("keeps HEADERS + END_STREAM one frame, both ways", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => exchange.head([...OK, ...DONE], true),
      });
      const { seen } = pair.call(requestHead(), true);
      assert.equal(await seen.closed(), 0);
      assert.equal(seen.ended, true);
      assert.equal(seen.trailers, undefined);
      assert.deepEqual(seen.chunks, []);
      const callee = await pair.callee.nth(0);
      assert.deepEqual([callee.ended, callee.chunks.length], [true, 0]);
      assert.equal(await callee.closed(), 0);
    });

    it("carries body and trailers both ways, 3 MB unchanged", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => exchange.head(OK, false),
        onData: (exchange, bytes) => exchange.data(bytes, false),
        onTrailers: (exchange, trailers) => exchange.head([...DONE, ...trailers], true),
      });
      const { exchange, seen } = pair.call(requestHead(), false);
      const body = Buffer.alloc(3_000_000);
      for (let at = 0; at < body.length; at++) body[at] = (at * 7919) >>> 5;
      for (let at = 0; at < body.length; at += 99_999) {
        if (!exchange.data(body.subarray(at, at + 99_999), false)) {
          const before = seen.drains;
          await seen.until(({ drains }) => drains > before);
        }
      }
      exchange.head(headOf(["t", "2"], ["t", "1"]), true);
      assert.equal(await seen.closed(), 0);
      assert.ok(seen.body.equals(body));
      assert.deepEqual(pairs(seen.trailers), [
        ["grpc-status", "0"],
        ["t", "2"],
        ["t", "1"],
      ]);
    });

    it("keeps trailers that follow a head without data", async () => {
      await using pair = await openPair(engines, {
        onTrailers: (exchange, trailers) => {
          exchange.head(OK, false);
          exchange.head([...DONE, ...trailers], true);
        },
      });
      const { exchange, seen } = pair.call(requestHead(), false);
      exchange.head(headOf(["x", "1"]), true);
      assert.equal(await seen.closed(), 0);
      assert.deepEqual(pairs(seen.trailers), [
        ["grpc-status", "0"],
        ["x", "1"],
      ]);
    });

    it("ends a body with an empty frame", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => exchange.head(OK, false),
        onData: (exchange, bytes, end) => exchange.data(bytes, end),
      });
      const { exchange, seen } = pair.call(requestHead(), false);
      exchange.data(Buffer.from("a"), false);
      await seen.until(({ bytes }) => bytes === 1);
      exchange.data(new Uint8Array(0), true);
      assert.equal(await seen.closed(), 0);
      assert.equal(seen.body.toString(), "a");
    });

    it("passes 1xx before the head", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => {
          exchange.head(headOf([":status", "103"], ["link", "</a>"]), false);
          exchange.head(headOf([":status", "200"]), true);
        },
      });
      const { seen } = pair.call(requestHead(), true);
      assert.equal(await seen.closed(), 0);
      assert.deepEqual(
        seen.heads.map((head) => firstValue(head, ":status")),
        ["103", "200"],
      );
    });

    it("lets the answer's head leave before any message of the request", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => exchange.head(OK, false),
        onData: (exchange, bytes, end) => {
          exchange.data(bytes, false);
          if (end) exchange.head(DONE, true);
        },
      });
      const { exchange, seen } = pair.call(requestHead(), false);
      await seen.until(({ heads }) => heads.length === 1);
      for (const message of ["ping", "pong"]) {
        const before = seen.bytes;
        exchange.data(Buffer.from(message), false);
        await seen.until(({ bytes }) => bytes === before + 4);
      }
      exchange.data(new Uint8Array(0), true);
      assert.equal(await seen.closed(), 0);
    });

    it("stops a request whose answer is whole, without error, and drains what was on its way", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => exchange.head([...OK, ...DONE], true),
      });
      for (let round = 0; round < 5; round++) {
        const { exchange, seen } = pair.call(requestHead(), false);
        // More than the exchange's window: it could never end by itself.
        exchange.data(Buffer.alloc(2_000_000), false);
        assert.equal(await seen.closed(), 0);
        assert.equal(seen.ended, true);
        assert.equal(await (await pair.callee.nth(round)).closed(), 0);
      }
      assert.equal(pair.server.open, 0);
    });

    it("passes a reset with its code, in either direction, before the answer and in it", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange, head) => {
          if (firstValue(head, "answer") === "1") exchange.head(OK, false);
          if (firstValue(head, "reset") === "1") exchange.own.reset(ErrorCodes.ENHANCE_YOUR_CALM);
        },
      });
      let nth = 0;
      for (const answer of ["0", "1"]) {
        const calm = pair.call(requestHead(["reset", "1"], ["answer", answer]), false);
        assert.equal(await calm.seen.closed(), ErrorCodes.ENHANCE_YOUR_CALM);
        nth++;
        const cancelled = pair.call(requestHead(["answer", answer]), true);
        const callee = await pair.callee.nth(nth++);
        cancelled.seen.reset(ErrorCodes.CANCEL);
        assert.equal(await callee.closed(), ErrorCodes.CANCEL);
        assert.equal(cancelled.seen.code, undefined);
      }
    });

    it("never makes a clean end of a reset with NO_ERROR before the end", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => {
          exchange.head(OK, false);
          exchange.own.reset(ErrorCodes.NO_ERROR);
        },
      });
      const { seen } = pair.call(requestHead(), false);
      assert.notEqual(await seen.closed(), 0);
      assert.equal(seen.ended, false);
    });

    it("says LOST when the connection goes away under an exchange, and onEnd after it", async () => {
      const pair = await openPair(engines, { onHead: (exchange) => exchange.head(OK, false) });
      const { seen } = pair.call(requestHead(), false);
      await seen.until(({ heads }) => heads.length === 1);
      pair.serverSocket.destroy();
      assert.equal(await seen.closed(), LOST);
      assert.equal(await (await pair.callee.nth(0)).closed(), LOST);
      await pair[Symbol.asyncDispose]();
      assert.deepEqual([pair.caller.ends, pair.callee.ends], [1, 1]);
    });

    const halfClosed = { skip: server === nodeEngine && "to node:http2, half closed is gone" };
    it(
      "answers a client that closed its half, when the request was whole",
      halfClosed,
      async () => {
        await using pair = await openPair(engines, {});
        const { seen } = pair.call(requestHead(), true);
        const callee = await pair.callee.nth(0);
        pair.clientSocket.end();
        await once(pair.serverSocket, "end");
        callee.exchange?.head([...OK, ...DONE], true);
        assert.equal(await callee.closed(), 0);
        await seen.closed();
      },
    );

    it("says LOST when the client is gone, whether its request was whole or not", async () => {
      for (const isWhole of [true, false]) {
        await using pair = await openPair(engines, {});
        pair.call(requestHead(), isWhole);
        const callee = await pair.callee.nth(0);
        pair.clientSocket.destroy();
        assert.equal(await callee.closed(), LOST);
      }
    });

    it("holds the sender back when nobody reads, and goes on when somebody does", async () => {
      const window = 70_000;
      await using pair = await openPair(
        engines,
        { reads: false },
        { serverLimits: { streamWindow: window } },
      );
      const { exchange, seen } = pair.call(requestHead(), false);
      const callee = await pair.callee.nth(0);
      assert.equal(exchange.data(Buffer.alloc(1_000_000), false), false);
      await callee.until(({ bytes }) => bytes >= window);
      await nextTurn();
      assert.ok(callee.bytes <= window + 16_384, `${callee.bytes} bytes came unread`);
      assert.ok(exchange.queued > 0);
      assert.equal(seen.drains, 0);
      const release = () => {
        callee.exchange?.release(callee.held);
        callee.held = 0;
        return callee.bytes === 1_000_000;
      };
      await callee.until(release);
      await seen.until(({ drains }) => drains === 1);
      assert.equal(exchange.queued, 0);
      exchange.reset(ErrorCodes.CANCEL);
    });

    it("lets no exchange that is not read hold the others", async () => {
      await using pair = await openPair(
        engines,
        {
          onHead: (exchange, head) => {
            exchange.head(OK, false);
            if (firstValue(head, "big") === "1") exchange.data(Buffer.alloc(3_000_000), false);
            else exchange.head(DONE, true);
          },
        },
        { client: { reads: false } },
      );
      const unread = Array.from({ length: 20 }, () => pair.call(requestHead(["big", "1"]), true));
      for (const { seen } of unread) await seen.until(({ bytes }) => bytes > 200_000);
      for (let round = 0; round < 10; round++) {
        const { seen } = pair.call(requestHead(), true);
        assert.equal(await seen.closed(), 0);
      }
    });

    it("ends only the exchange whose callback throws, and reports it", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange, head) => {
          if (firstValue(head, "throw") === "head") throw new Error("in onHead");
          exchange.head(OK, false);
        },
        onData: (exchange, _bytes, end) => {
          if (firstValue(exchange.own.heads[0] ?? [], "throw") === "data") {
            throw new Error("in onData");
          }
          if (end) exchange.head(DONE, true);
        },
      });
      const good = pair.call(requestHead(), false);
      for (const where of ["head", "data"]) {
        const bad = pair.call(requestHead(["throw", where]), false);
        bad.exchange.data(Buffer.from("x"), false);
        assert.equal(await bad.seen.closed(), ErrorCodes.INTERNAL_ERROR);
      }
      good.exchange.data(Buffer.from("x"), true);
      assert.equal(await good.seen.closed(), 0);
      for (const [nth, message] of [
        [1, "in onHead"],
        [2, "in onData"],
      ] as const) {
        const callee = await pair.callee.nth(nth);
        assert.deepEqual(callee.errors.map(String), [`Error: ${message}`]);
        assert.equal(await callee.closed(), ErrorCodes.INTERNAL_ERROR);
      }
    });

    it("survives a client's callback that throws, and one in onClose", async () => {
      await using pair = await openPair(
        engines,
        { onHead: (exchange) => exchange.head([...OK, ...DONE], true) },
        {
          client: {
            onHead: (exchange) => {
              if (exchange.own.errors.length === 0 && exchange.id === 1) throw new Error("once");
            },
            onClose: (exchange) => {
              if (exchange.id === 3) throw new Error("at the end");
            },
          },
        },
      );
      const first = pair.call(requestHead(), true);
      assert.equal(await first.seen.closed(), ErrorCodes.INTERNAL_ERROR);
      assert.equal(first.seen.errors.length, 1);
      const second = pair.call(requestHead(), true);
      assert.equal(await second.seen.closed(), 0);
      await second.seen.until(({ errors }) => errors.length === 1);
      assert.equal(await pair.call(requestHead(), true).seen.closed(), 0);
    });

    it("refuses to send a head that no header may look like, with INTERNAL_ERROR", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => {
          exchange.head([...OK, ...headOf(["x", "a\r\nb: c"])], true);
        },
      });
      const { seen } = pair.call(requestHead(), true);
      assert.equal(await seen.closed(), ErrorCodes.INTERNAL_ERROR);
      assert.equal(await (await pair.callee.nth(0)).closed(), ErrorCodes.INTERNAL_ERROR);
    });

    it("begins no call whose head no header may look like: INTERNAL_ERROR, and the next one goes on", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => exchange.head([...OK, ...DONE], true),
      });
      for (const bad of [
        ["x", "a\nb"],
        ["X", "upper"],
        ["connection", "close"],
      ] as const) {
        const { seen } = pair.call(requestHead([...bad]), true);
        assert.equal(await seen.closed(), ErrorCodes.INTERNAL_ERROR);
        assert.equal(seen.errors.length, 1);
      }
      assert.equal(await pair.call(requestHead(), true).seen.closed(), 0);
    });

    it("does nothing on an exchange that is over", async () => {
      await using pair = await openPair(engines, {
        onHead: (exchange) => exchange.head([...OK, ...DONE], true),
      });
      const { exchange, seen } = pair.call(requestHead(), true);
      await seen.closed();
      const callee = await pair.callee.nth(0);
      await callee.closed();
      for (const over of [exchange, callee.exchange ?? exchange]) {
        over.head(DONE, true);
        assert.equal(over.data(Buffer.from("x"), true), true);
        over.release(10);
        over.reset(ErrorCodes.CANCEL);
      }
      assert.equal(await pair.call(requestHead(), true).seen.closed(), 0);
    });

    it("has the capacity that the server allows, and says when there is some again", async () => {
      const offered: number[] = [];
      await using pair = await openPair(
        engines,
        { onHead: (exchange) => exchange.head(OK, false) },
        {
          serverLimits: { streams: 2 },
          client: { onCapacity: (session) => offered.push(session.capacity) },
        },
      );
      assert.equal(pair.client.capacity, 2);
      const calls = [pair.call(requestHead(), true), pair.call(requestHead(), true)];
      assert.equal(pair.client.capacity, 0);
      assert.equal(pair.client.open, 2);
      assert.throws(() => pair.call(requestHead(), true), /no capacity/);
      offered.length = 0;
      const callee = await pair.callee.nth(0);
      callee.exchange?.head(DONE, true);
      await calls[0]?.seen.closed();
      assert.equal(pair.client.capacity, 1);
      assert.ok(offered.includes(1));
    });

    it("drains: what runs ends by itself, nothing new begins, then the connection closes", async () => {
      const pair = await openPair(engines, {
        onHead: (exchange) => exchange.head(OK, false),
        onData: (exchange, _bytes, end) => {
          if (end) exchange.head(DONE, true);
        },
      });
      const { exchange, seen } = pair.call(requestHead(), false);
      await seen.until(({ heads }) => heads.length === 1);
      pair.server.drain();
      while (pair.client.capacity > 0) await nextTurn();
      exchange.data(Buffer.from("last"), true);
      assert.equal(await seen.closed(), 0);
      assert.equal(await pair.callee.ended.promise, 0);
      assert.equal(await pair.caller.ended.promise, 0);
      assert.ok(pair.caller.goaways > 0);
      await pair[Symbol.asyncDispose]();
    });

    it("drains an idle connection at once, from either side", async () => {
      for (const side of ["server", "client"] as const) {
        const pair = await openPair(engines, {});
        pair[side].drain();
        await pair.caller.ended.promise;
        await pair.callee.ended.promise;
        await pair[Symbol.asyncDispose]();
      }
    });

    it("ends everything when it is destroyed", async () => {
      const pair = await openPair(engines, { onHead: (exchange) => exchange.head(OK, false) });
      const { seen } = pair.call(requestHead(), false);
      await seen.until(({ heads }) => heads.length === 1);
      pair.server.destroy(ErrorCodes.CANCEL);
      assert.notEqual(await seen.closed(), 0);
      assert.notEqual(await (await pair.callee.nth(0)).closed(), 0);
      await pair[Symbol.asyncDispose]();
    });
  });
}

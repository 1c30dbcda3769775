import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { callpathEngine } from "../../src/http2/engine.ts";
import { ErrorCodes } from "../../src/http2/error-code.ts";
import { Flag, FrameType } from "../../src/http2/frames.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";
import { frame, type RawPeer, settings, startRawServer, uint32 } from "../http2/raw-peer.ts";
import { Backend, echoBack, grpcFrame, RawClient } from "../raw-http2.ts";
import { goodAnswer, greet, head, ok, startDriven } from "./driven-service.ts";
import { assertAnswered, assertUnavailable, TwoServices } from "./two-services.ts";

const { HEADERS, DATA, RST_STREAM, GOAWAY } = FrameType;

const times = <T>(count: number, make: (nth: number) => T): T[] =>
  Array.from({ length: count }, (_, nth) => make(nth));

for (const engine of [callpathEngine, nodeEngine]) {
  describe(`a service that is ill, ${engine.name} engine`, () => {
    it("LM-2: what the service refused before it began is sent once more, and no third time", async () => {
      await using service = await startDriven((peer, id) => {
        peer.send(frame(RST_STREAM, 0, id, uint32(ErrorCodes.REFUSED_STREAM)));
      });
      await using both = await TwoServices.start(service.port, { engine });
      assertUnavailable(
        await both.call(),
        /^upstream connect error .* retried and the latest reset reason: remote refused stream reset$/,
      );
      assert.equal(service.requests, 2);
      await both.beside.goesOn();
    });

    it("LM-2: what the service refused once and takes the second time is answered", async () => {
      await using service = await startDriven((peer, id, nth) => {
        if (nth % 2 === 1) peer.send(goodAnswer(id));
        else peer.send(frame(RST_STREAM, 0, id, uint32(ErrorCodes.REFUSED_STREAM)));
      });
      await using both = await TwoServices.start(service.port, { engine });
      for (let nth = 0; nth < 5; nth++) assertAnswered(await both.call());
      assert.equal(service.requests, 10);
      assert.deepEqual(new Set(both.events.map(({ grpcStatus }) => grpcStatus)), new Set([0]));
    });

    it("a storm of resets: each call is 14, none is sent twice, the client beside loses nothing", async () => {
      await using service = await startDriven((peer, id) => {
        peer.send(frame(RST_STREAM, 0, id, uint32(ErrorCodes.INTERNAL_ERROR)));
      });
      await using both = await TwoServices.start(service.port, { engine });
      const calls = times(100, () => both.call());
      for (const answer of await Promise.all(calls)) assertUnavailable(answer, /remote reset$/);
      assert.equal(service.requests, 100);
      assert.equal(service.connections, 1);
      await both.beside.goesOn();
    });

    it("a service that takes one call at a time: the others wait, or get a connection each; none is lost", async () => {
      const service = http2.createServer({ settings: { maxConcurrentStreams: 1 } });
      let most = 0;
      const open = new Map<http2.Http2Session | undefined, number>();
      service.on("stream", (stream: http2.ServerHttp2Stream) => {
        const { session } = stream;
        open.set(session, (open.get(session) ?? 0) + 1);
        most = Math.max(most, open.get(session) ?? 0);
        stream.resume().on("end", () => echoBack(stream, grpcFrame("hello")));
        stream.on("close", () => open.set(session, (open.get(session) ?? 0) - 1));
      });
      const sessions: http2.Http2Session[] = [];
      service.on("session", (session) => sessions.push(session));
      service.listen(0, "127.0.0.1");
      await once(service, "listening");
      try {
        await using both = await TwoServices.start((service.address() as AddressInfo).port, {
          engine,
          limits: { upstreamConnections: 5 },
        });
        const answers = await Promise.all(times(50, () => both.call()));
        for (const answer of answers) assertAnswered(answer);
        assert.equal(most, 1);
        assert.ok(sessions.length <= 6, `limits.upstreamConnections: ${sessions.length}`);
        await both.beside.goesOn();
      } finally {
        for (const session of sessions) session.destroy();
        service.close();
        await once(service, "close");
      }
    });

    it("a service that rotates its connections after three calls each: no call is lost", async () => {
      await using service = await startDriven((peer, id, _nth, place) => {
        if (place > 2) return; // above the last id: never begun
        peer.send(goodAnswer(id));
        if (place === 2) peer.send(frame(GOAWAY, 0, 0, uint32(id, ErrorCodes.NO_ERROR)));
      });
      await using both = await TwoServices.start(service.port, { engine });
      for (let round = 0; round < 10; round++) {
        // Four at once: one of them is above the last id.
        const answers = await Promise.all(times(4, () => both.call()));
        for (const answer of answers) assertAnswered(answer);
      }
      assert.ok(service.connections >= 10);
      await both.beside.goesOn();
    });

    it("a service that is silent: 14 at the deadline, and its stream is reset (BE-11)", async () => {
      const reset = Promise.withResolvers<number>();
      await using service = await startDriven((peer, id) => reset.resolve(peer.reset(id)));
      await using both = await TwoServices.start(service.port, { engine, deadlineS: 0.1 });
      assertUnavailable(await both.call(), /^upstream request timeout$/);
      assert.equal(await reset.promise, ErrorCodes.CANCEL);
      await both.beside.goesOn();
    });

    it("a service that answers octet by octet is slow, and nothing else", async () => {
      await using service = await startDriven((peer, id) => void trickle(peer, goodAnswer(id)));
      await using both = await TwoServices.start(service.port, { engine });
      const answer = await both.call();
      assertAnswered(answer);
      assert.deepEqual(answer.body, grpcFrame("hello"));
      await both.beside.goesOn();
    });

    for (const [when, bytes] of [
      ["in the middle of a frame", goodAnswer(1).subarray(0, 60)],
      [
        "between two messages",
        Buffer.concat([head(1, false, ...ok), frame(DATA, 0, 1, grpcFrame("one"))]),
      ],
    ] as const)
      it(`a service that dies in its answer, ${when}: a reset, never a clean end; the next call is answered`, async () => {
        await using service = await startDriven((peer, id, nth) => {
          if (nth > 0) peer.send(goodAnswer(id));
          else peer.socket.write(bytes, () => peer.socket.resetAndDestroy());
        });
        await using both = await TwoServices.start(service.port, { engine });
        const answer = await both.call();
        assert.equal(answer.headers[":status"], 200);
        assert.notEqual(answer.resetCode, 0);
        assert.equal(answer.trailers["grpc-status"], undefined);
        assertAnswered(await both.call());
        assert.equal(service.connections, 2);
        await both.beside.goesOn();
      });

    it("a service that closes with a call that it has seen: 14, and the call is not sent again", async () => {
      await using service = await startDriven((peer, _id) => peer.socket.destroy());
      await using both = await TwoServices.start(service.port, { engine });
      assertUnavailable(await both.call(), /reset reason: connection termination$/);
      assert.equal(service.requests, 1);
      await both.beside.goesOn();
    });

    it("a service that closes whatever connects: 14 after one more try", async () => {
      let connections = 0;
      await using service = await startRawServer((peer) => {
        connections++;
        peer.socket.destroy();
      });
      await using both = await TwoServices.start(service.port, { engine });
      assertUnavailable(await both.call(), /remote connection failure/);
      assert.ok(connections <= 2, `${connections} connections for one call`);
      await both.beside.goesOn();
    });

    it("a service that answers in HTTP/1.1 from the start: 14, and the words say what is wrong", async () => {
      await using service = await startRawServer((peer) => {
        peer.socket.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
      });
      await using both = await TwoServices.start(service.port, { engine });
      assertUnavailable(await both.call(), /remote connection failure/);
      await both.beside.goesOn();
    });

    it("a service that connects and never greets: 14 at the deadline", async () => {
      await using service = await startRawServer(() => {});
      await using both = await TwoServices.start(service.port, { engine, deadlineS: 0.1 });
      assertUnavailable(await both.call(), /^upstream request timeout$/);
      await both.beside.goesOn();
    });

    it("limits.waiting: a caller that fills the queue of a service that is not there yet pushes nobody else out", async () => {
      const greeting = Promise.withResolvers<void>();
      await using service = await startDriven(
        (peer, id) => peer.send(goodAnswer(id)),
        (peer) => void greeting.promise.then(() => greet(peer)),
      );
      await using both = await TwoServices.start(service.port, { engine, limits: { waiting: 20 } });
      await using other = new RawClient(both.gateway.url);
      const loud = times(30, () => both.call());
      assertUnavailable(await Promise.race(loud), /reset reason: overflow$/);
      const quiet = times(5, () => other.call({ ":path": "/echo.EchoServer/SayHello" }));
      while (both.events.length < 15) await both.beside.goesOn();
      greeting.resolve();
      for (const answer of await Promise.all(quiet)) assertAnswered(answer);
      const overflown = (await Promise.all(loud)).filter(
        ({ headers }) => headers["grpc-status"] === "14",
      );
      assert.equal(overflown.length, 15);
      await both.beside.goesOn();
    });

    it("a service that restarts: what it had is 14 or reset, what comes while it is away is 14, then all is well", async () => {
      const first = new Backend();
      const port = await first.listen();
      const arrived = Promise.withResolvers<void>();
      first.onCall = () => arrived.resolve();
      await using both = await TwoServices.start(port, { engine });
      const held = both.call();
      await arrived.promise;
      await first[Symbol.asyncDispose]();
      assertUnavailable(await held, /reset reason: connection termination$/);
      assertUnavailable(await both.call(), /remote connection failure/);
      await both.beside.goesOn();
      await using second = new Backend();
      await second.listen(port);
      assertAnswered(await both.call());
      assert.equal(second.calls.length, 1);
      await both.beside.goesOn();
    });

    it("an answer before the request has ended goes on at once, and the rest of the request is not waited for", async () => {
      await using service = await startRawServer((peer) => {
        peer.send(settings());
        void peer
          .until(({ type, flags }) => type === HEADERS && (flags & Flag.END_STREAM) === 0)
          .then(({ id }) => peer.send(head(id, true, ...ok, ["grpc-status", "8"])))
          .catch(() => {});
      });
      await using both = await TwoServices.start(service.port, { engine });
      const answer = await both.call(Buffer.alloc(1_000_000));
      assert.equal(answer.headers["grpc-status"], "8");
      assert.equal(answer.resetCode, 0);
      await both.beside.goesOn();
    });
  });
}

/** One octet a write, each after the one before has left. */
async function trickle(peer: RawPeer, bytes: Buffer): Promise<void> {
  for (const octet of bytes)
    await new Promise<void>((resolve) =>
      peer.socket.write(Buffer.from([octet]), () => setImmediate(resolve)),
    );
}

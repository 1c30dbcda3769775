import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { frame, settings, startRawServer } from "../../test/http2/raw-peer.ts";
import { Recorder, requestHead, Seen, sessionOf } from "../../test/http2/recorder.ts";
import { UpstreamPool } from "./client.ts";
import { callpathEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import { Flag, FrameType } from "./frames.ts";
import { defaultLimits } from "./limits.ts";
import { createRelay, type RelayCall, type RelayOutcome } from "./relay.ts";
import { startHttpServer } from "./server.ts";

describe("limits.keepaliveMs", () => {
  it("LM-3: a silent upstream with a call is asked after that time, not sooner, whatever stallMs is", async () => {
    const askedAtMs = Promise.withResolvers<number>();
    await using upstream = await startRawServer((peer) => {
      peer.send(settings(), frame(FrameType.SETTINGS, Flag.ACK, 0));
      void peer
        .until(({ type }) => type === FrameType.PING)
        .then(() => askedAtMs.resolve(performance.now()));
    });
    await using pool = new UpstreamPool({
      host: "127.0.0.1",
      port: upstream.port,
      engine: callpathEngine,
      limits: { ...defaultLimits, keepaliveMs: 400, stallMs: 200 },
    });
    const session = await sessionOf(pool);
    const startedAtMs = performance.now();
    const exchange = session.start(requestHead(), true, new Recorder(), new Seen());
    const silentMs = (await askedAtMs.promise) - startedAtMs;
    assert.ok(silentMs >= 300, `asked after ${silentMs} ms`);
    exchange?.session.destroy(ErrorCodes.CANCEL);
  });
});

describe("a caller that does not read", () => {
  it("ends its call after the deadline once more, also where no silence is named: the answer was whole in time", async () => {
    const ended = Promise.withResolvers<RelayOutcome>();
    const quiet = { onData() {}, onTrailers() {}, onDrain() {}, onClose() {}, onEnd() {} };
    const shared = { host: "127.0.0.1", engine: callpathEngine, limits: defaultLimits };
    await using service = await startHttpServer<undefined>({
      ...shared,
      port: 0,
      drainMs: 0,
      handler: {
        ...quiet,
        onHead(exchange) {
          exchange.head([callpathEngine.field(":status", "200")], false);
          exchange.data(Buffer.alloc(400 * 1024), true);
        },
      },
    });
    await using pool = new UpstreamPool({ ...shared, port: service.port });
    using relay = createRelay<undefined>({
      fail() {},
      end: (_, outcome) => ended.resolve(outcome),
    });
    await using front = await startHttpServer<RelayCall<undefined> | undefined>({
      ...shared,
      port: 0,
      drainMs: 0,
      handler: {
        ...relay.downstream,
        onHead: (exchange, head, end) =>
          relay.forward(exchange, end, undefined, {
            pool,
            head,
            deadlineMs: 100,
            idleMs: undefined,
          }),
        onEnd() {},
      },
    });
    await using callers = new UpstreamPool({ ...shared, port: front.port });
    const session = await sessionOf(callers);
    session.start(requestHead(), true, new Recorder({ reads: false }), new Seen());
    const { endedBy, code } = await ended.promise;
    assert.deepEqual([endedBy, code], ["relay", ErrorCodes.CANCEL]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startGateway } from "../src/gateway/serve.ts";
import { callpathEngine } from "../src/http2/engine.ts";
import type { Engine } from "../src/http2/exchange.ts";
import { Flag, FrameType } from "../src/http2/frames.ts";
import { nodeEngine } from "../src/http2/node-engine.ts";
import {
  block,
  frame,
  RawPeer,
  request,
  settings,
  startRawServer,
  uint32,
} from "./http2/raw-peer.ts";
import { grpcFrame } from "./raw-http2.ts";
import { openModel } from "./slow/open-model.ts";

const service = { name: "test.Streams", methods: { Call: "bidi_streaming" } } as const;
const answerHead = block([":status", "200"], ["content-type", "application/grpc"]);
const trailers = block(["grpc-status", "8"], ["own", "a"]);

/** Frames by hand at both ends of the gateway: only so is it sure what each side really said. */
class ByHand implements AsyncDisposable {
  readonly caller: RawPeer;
  readonly service: RawPeer;
  readonly #running: AsyncDisposableStack;

  private constructor(caller: RawPeer, behind: RawPeer, running: AsyncDisposableStack) {
    this.caller = caller;
    this.service = behind;
    this.#running = running;
  }

  /** Resolves when `calls` calls (ids 1, 3, …), their requests open, have reached the service. */
  static async start(engine: Engine, calls = 1): Promise<ByHand> {
    await using running = new AsyncDisposableStack();
    const connected = Promise.withResolvers<RawPeer>();
    const behind = running.use(await startRawServer((peer) => connected.resolve(peer)));
    const model = openModel([service], `grpc://127.0.0.1:${behind.port}`);
    const options = { model, engine, port: 0, drainMs: 100, nowMs: Date.now };
    const gateway = running.use(await startGateway(options));
    const caller = running.use(await RawPeer.connect(Number(gateway.url.port)));
    const head = block(
      ...request.filter(([name]) => name !== ":path"),
      [":path", "/test.Streams/Call"],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    );
    for (let id = 1; id < calls * 2; id += 2) {
      caller.send(frame(FrameType.HEADERS, Flag.END_HEADERS, id, head));
    }
    const peer = await connected.promise;
    peer.send(settings(), frame(FrameType.SETTINGS, Flag.ACK, 0));
    await peer.until(({ type, id }) => type === FrameType.HEADERS && id === calls * 2 - 1);
    return new ByHand(caller, peer, running.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#running.disposeAsync();
  }
}

const reset = (id: number, code: number) => frame(FrameType.RST_STREAM, 0, id, uint32(code));
const headers = (id: number, fields: Buffer, flags = 0) =>
  frame(FrameType.HEADERS, Flag.END_HEADERS | flags, id, fields);
/** What ended the call for whoever reads: END_STREAM, or the code of a reset. */
async function ending(peer: RawPeer, id: number): Promise<"end" | number> {
  const { type, payload } = await peer.until(
    (each) =>
      each.id === id &&
      (each.type === FrameType.RST_STREAM ||
        ((each.type === FrameType.HEADERS || each.type === FrameType.DATA) &&
          (each.flags & Flag.END_STREAM) !== 0)),
  );
  return type === FrameType.RST_STREAM ? payload.readUInt32BE() : "end";
}

for (const engine of [callpathEngine, nodeEngine]) {
  describe(`how calls end through the gateway, ${engine.name} engine`, () => {
    const asTodo = {
      todo: engine === nodeEngine && "node:http2 loses the trailers when all comes in one read",
    };
    it(
      "rule 5: an answer before the request has ended arrives whole, though its reset with NO_ERROR is right behind",
      asTodo,
      async () => {
        await using hands = await ByHand.start(engine);
        // As grpc-go and Go's net/http write it: in one go.
        hands.service.send(
          headers(1, answerHead),
          frame(FrameType.DATA, 0, 1, grpcFrame("no more")),
          headers(1, trailers, Flag.END_STREAM),
          reset(1, 0),
        );
        assert.equal(await ending(hands.caller, 1), "end");
        const [, last] = hands.caller.frames.filter(({ type }) => type === FrameType.HEADERS);
        assert.ok(last?.payload.includes("grpc-status"), "its trailers are there");
        assert.equal(await hands.caller.reset(1), 0, "and the request is stopped, not failed");
      },
    );

    it("rule 5: so does one of a single HEADERS frame", async () => {
      await using hands = await ByHand.start(engine);
      const whole = Buffer.concat([answerHead, trailers]);
      hands.service.send(headers(1, whole, Flag.END_STREAM), reset(1, 0));
      assert.equal(await ending(hands.caller, 1), "end");
      assert.equal(await hands.caller.reset(1), 0);
    });

    for (const code of [8, 11]) {
      it(`rule 6: reset ${code} of the caller reaches the service as it is`, async () => {
        await using hands = await ByHand.start(engine);
        hands.caller.send(reset(1, code));
        assert.equal(await ending(hands.service, 1), code);
      });

      it(`rule 6: reset ${code} of the service in its answer reaches the caller as it is`, async () => {
        await using hands = await ByHand.start(engine);
        hands.service.send(headers(1, answerHead));
        await hands.caller.until(({ type }) => type === FrameType.HEADERS);
        hands.service.send(reset(1, code));
        assert.equal(await ending(hands.caller, 1), code);
      });
    }

    it("rule 6: reset NO_ERROR of the service in its answer is no clean end for the caller", async () => {
      await using hands = await ByHand.start(engine);
      hands.service.send(headers(1, answerHead));
      await hands.caller.until(({ type }) => type === FrameType.HEADERS);
      hands.service.send(reset(1, 0));
      assert.equal(await ending(hands.caller, 1), 2);
    });

    const skipped = {
      skip: engine === nodeEngine && "node:http2 waits on a connection that ended",
    };
    it("rule 6: a caller that is lost cancels all its calls at the service", skipped, async () => {
      await using hands = await ByHand.start(engine, 2);
      hands.caller.socket.destroy();
      assert.equal(await ending(hands.service, 1), 8);
      assert.equal(await ending(hands.service, 3), 8);
    });
  });
}

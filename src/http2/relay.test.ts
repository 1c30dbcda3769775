import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pairs, Recorder, Seen, sessionOf } from "../../test/http2/recorder.ts";
import { UpstreamPool } from "./client.ts";
import { callpathEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import type { Engine, SessionHandler } from "./exchange.ts";
import type { Head } from "./head.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { nodeEngine } from "./node-engine.ts";
import { createRelay, type RelayCall, type RelayFailure, type RelayOutcome } from "./relay.ts";
import { type HttpServer, startHttpServer } from "./server.ts";

const quiet = { onData() {}, onTrailers() {}, onDrain() {}, onClose() {}, onEnd() {} };

for (const engine of new Set([callpathEngine, nodeEngine])) {
  describe(`relay on ${engine.name}`, () => {
    it("passes head, messages and trailers of a call both ways, in order, with duplicates", async () => {
      await using backend = await serve(engine, {
        ...quiet,
        onHead(exchange, head) {
          assert.deepEqual(pairs(head.filter(({ name }) => name === "k")), [
            ["k", "1"],
            ["k", "2"],
          ]);
          exchange.head(
            fields(engine, [":status", "200"], ["content-type", "application/grpc"]),
            false,
          );
        },
        onData(exchange, bytes, end) {
          exchange.data(bytes, false);
          exchange.release(bytes.length);
          if (end)
            exchange.head(fields(engine, ["grpc-status", "0"], ["t", "a"], ["t", "b"]), true);
        },
      });
      await using front = await startFront(engine, backend);
      const call = await front.call(
        [
          ["k", "1"],
          ["k", "2"],
        ],
        [Buffer.from("one "), Buffer.from("two")],
      );
      const { seen } = call;
      await seen.closed();
      assert.equal(seen.body.toString(), "one two");
      assert.deepEqual(pairs(seen.trailers), [
        ["grpc-status", "0"],
        ["t", "a"],
        ["t", "b"],
      ]);
      assert.equal(seen.code, 0);
      assert.deepEqual(front.outcomes, [
        { status: "200", grpcStatus: "0", code: 0, endedBy: "upstream" },
      ]);
    });

    it("keeps an answer that is only a head one frame", async () => {
      await using backend = await serve(engine, {
        ...quiet,
        onHead(exchange) {
          exchange.head(fields(engine, [":status", "200"], ["grpc-status", "5"]), true);
        },
      });
      await using front = await startFront(engine, backend);
      const call = await front.call([], [Buffer.from("x")]);
      const { seen } = call;
      await seen.closed();
      assert.equal(seen.heads.length, 1);
      assert.equal(seen.trailers, undefined);
      assert.deepEqual(seen.chunks, []);
      assert.equal(seen.code, 0);
    });

    it("lets the policy answer for a backend that is away, after one retry", async () => {
      const gone = await serve(engine, { ...quiet, onHead() {} });
      await gone[Symbol.asyncDispose]();
      await using front = await startFront(engine, gone);
      const call = await front.call([], [Buffer.from("x")]);
      const { seen } = call;
      await seen.closed();
      assert.deepEqual(pairs(seen.heads[0]), [[":status", "503"]]);
      assert.partialDeepStrictEqual(front.failures, [{ kind: "unreachable", retried: true }]);
      assert.match(JSON.stringify(front.failures), /remote connection failure, .*ECONNREFUSED/);
    });

    it("ends a call at its deadline and cancels it upstream", async () => {
      const cancelled = Promise.withResolvers<number>();
      await using backend = await serve(engine, {
        ...quiet,
        onHead() {},
        onClose: (_exchange, code) => cancelled.resolve(code),
      });
      await using front = await startFront(engine, backend, { deadlineMs: 40 });
      const call = await front.call([], [Buffer.from("x")]);
      await call.seen.closed();
      assert.deepEqual(front.failures, [{ kind: "deadline" }]);
      assert.equal(await cancelled.promise, ErrorCodes.CANCEL);
    });

    it("passes a caller's cancel on (LM-8)", async () => {
      const arrived = Promise.withResolvers<void>();
      const cancelled = Promise.withResolvers<number>();
      await using backend = await serve(engine, {
        ...quiet,
        onHead: () => arrived.resolve(),
        onClose: (_exchange, code) => cancelled.resolve(code),
      });
      await using front = await startFront(engine, backend);
      const call = await front.call([], [Buffer.from("x")]);
      await arrived.promise;
      call.exchange.reset(ErrorCodes.CANCEL);
      assert.equal(await cancelled.promise, ErrorCodes.CANCEL);
      assert.partialDeepStrictEqual(front.outcomes, [{ endedBy: "downstream", code: 8 }]);
    });
  });
}

function fields(engine: Engine, ...all: [string, string][]): Head {
  return all.map(([name, value]) => engine.field(name, value));
}

function serve(
  engine: Engine,
  handler: SessionHandler<undefined>,
  limits: Partial<Limits> = {},
): Promise<HttpServer> {
  return startHttpServer({
    host: "127.0.0.1",
    port: 0,
    engine,
    limits: { ...defaultLimits, ...limits },
    handler,
    drainMs: 100,
  });
}

/** A relay in front of `backend`, and a client of it. */
async function startFront(
  engine: Engine,
  backend: HttpServer,
  target: { readonly deadlineMs?: number; readonly idleMs?: number } = {},
) {
  const limits = defaultLimits;
  const failures: RelayFailure[] = [];
  const outcomes: RelayOutcome[] = [];
  const upstream = new UpstreamPool({ host: "127.0.0.1", port: backend.port, engine, limits });
  const relay = createRelay<undefined>({
    fail(_call, exchange, failure) {
      failures.push(failure);
      exchange.head(fields(engine, [":status", "503"]), true);
    },
    end: (_call, outcome) => outcomes.push(outcome),
  });
  const front = await startHttpServer<RelayCall<undefined> | undefined>({
    host: "127.0.0.1",
    port: 0,
    engine,
    limits,
    drainMs: 100,
    handler: {
      ...relay.downstream,
      onHead(exchange, head, end) {
        relay.forward(exchange, end, undefined, {
          pool: upstream,
          head,
          deadlineMs: target.deadlineMs,
          idleMs: target.idleMs,
        });
      },
      onEnd() {},
    },
  });
  const client = new UpstreamPool({ host: "127.0.0.1", port: front.port, engine, limits });
  return {
    failures,
    outcomes,
    async call(metadata: [string, string][], body: Buffer[]) {
      const session = await sessionOf(client);
      const seen = new Seen();
      const head = fields(
        engine,
        [":method", "POST"],
        [":scheme", "http"],
        [":authority", "x"],
        [":path", "/echo.EchoServer/SayHello"],
        ...metadata,
      );
      const exchange = session.start(head, body.length === 0, new Recorder(), seen);
      assert.ok(exchange !== undefined);
      for (const [at, bytes] of body.entries()) exchange.data(bytes, at === body.length - 1);
      return { seen, exchange };
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await front[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      relay[Symbol.dispose]();
    },
  };
}

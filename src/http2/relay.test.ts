import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openPairTo } from "../../test/http2/pair.ts";
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
  headOf,
  pairs,
  Recorder,
  requestHead,
  type Seen,
} from "../../test/http2/recorder.ts";
import { UpstreamPool } from "./client.ts";
import { callpathEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import type { Engine } from "./exchange.ts";
import { Flag, FrameType } from "./frames.ts";
import type { Head } from "./head.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { nodeEngine } from "./node-engine.ts";
import {
  createRelay,
  type RelayCall,
  type RelayFailure,
  type RelayOutcome,
  type RelayPolicy,
  type RelayTarget,
} from "./relay.ts";
import { startHttpServer } from "./server.ts";

const { HEADERS, DATA, RST_STREAM, GOAWAY } = FrameType;
const END = Flag.END_STREAM | Flag.END_HEADERS;
const OK = headOf([":status", "200"], ["content-type", "application/grpc"]);
const DONE = headOf(["grpc-status", "0"]);
const message = Buffer.from("message");

for (const engine of [callpathEngine, nodeEngine]) {
  describe(`a relay on ${engine.name}`, () => {
    it("passes head, messages and trailers both ways, in order, with duplicates", async () => {
      await using hop = await startHop(engine, {
        onHead: (exchange) => exchange.head(OK, false),
        onData: (exchange, bytes) => exchange.data(bytes, false),
        onTrailers: (exchange, trailers) => exchange.head([...DONE, ...trailers], true),
      });
      const { exchange, seen } = hop.call(requestHead(["k", "2"], ["k", "1"]), false);
      exchange.data(Buffer.from("one "), false);
      exchange.data(Buffer.from("two"), false);
      exchange.head(headOf(["t", "b"], ["t", "a"]), true);
      assert.equal(await seen.closed(), 0);
      const callee = await hop.callee.nth(0);
      assert.deepEqual(pairs(callee.heads[0]?.filter(({ name }) => name === "k")), [
        ["k", "2"],
        ["k", "1"],
      ]);
      assert.equal(seen.body.toString(), "one two");
      assert.deepEqual(pairs(seen.trailers), [
        ["grpc-status", "0"],
        ["t", "b"],
        ["t", "a"],
      ]);
      await hop.ended(1);
      assert.deepEqual(hop.outcomes, [
        { status: "200", grpcStatus: "0", code: 0, endedBy: "upstream" },
      ]);
    });

    it("keeps an answer that is only a head one frame, and tells its grpc-status", async () => {
      await using hop = await startHop(engine, {
        onHead: (exchange) => exchange.head([...OK, ...headOf(["grpc-status", "5"])], true),
      });
      const { exchange, seen } = hop.call(requestHead(), false);
      exchange.data(message, true);
      assert.equal(await seen.closed(), 0);
      assert.deepEqual([seen.heads.length, seen.trailers, seen.chunks.length], [1, undefined, 0]);
      await hop.ended(1);
      assert.partialDeepStrictEqual(hop.outcomes, [{ grpcStatus: "5", code: 0 }]);
    });

    it("asks the policy what goes on: head and trailers of the answer, trailers of the request", async () => {
      await using hop = await startHop(
        engine,
        {
          onHead: (exchange) => exchange.head([...OK, ...headOf(["secret", "1"])], false),
          onTrailers: (exchange) => exchange.head([...DONE, ...headOf(["secret", "2"])], true),
        },
        {
          policy: {
            answerHead: (_call, head) => head.filter(({ name }) => name !== "secret"),
            answerTrailers: (_call, trailers) => trailers.filter(({ name }) => name !== "secret"),
            requestTrailers: (_call, trailers) => trailers.filter(({ name }) => name !== "forged"),
          },
        },
      );
      const { exchange, seen } = hop.call(requestHead(), false);
      exchange.head(headOf(["forged", "1"], ["kept", "1"]), true);
      await seen.closed();
      const all = [...(seen.heads[0] ?? []), ...(seen.trailers ?? [])];
      assert.ok(!all.some(({ name }) => name === "secret"));
      assert.deepEqual(pairs((await hop.callee.nth(0)).trailers), [["kept", "1"]]);
    });

    it("passes cancels with their code both ways (LM-8)", async () => {
      await using hop = await startHop(engine, {
        onHead: (exchange) => exchange.head(OK, false),
        onData: (exchange) => exchange.own.reset(ErrorCodes.ENHANCE_YOUR_CALM),
      });
      const cancelled = hop.call(requestHead(), false);
      const callee = await hop.callee.nth(0);
      cancelled.seen.reset(ErrorCodes.CANCEL);
      assert.equal(await callee.closed(), ErrorCodes.CANCEL);
      const failed = hop.call(requestHead(), false);
      await failed.seen.until(({ heads }) => heads.length > 0);
      failed.exchange.data(message, false);
      assert.equal(await failed.seen.closed(), ErrorCodes.ENHANCE_YOUR_CALM);
      await hop.ended(2);
      assert.partialDeepStrictEqual(hop.outcomes, [
        { endedBy: "downstream", code: ErrorCodes.CANCEL },
        { endedBy: "upstream", code: ErrorCodes.ENHANCE_YOUR_CALM },
      ]);
    });

    it("cancels the upstream's exchanges when the caller's connection is lost", async () => {
      await using hop = await startHop(engine, {});
      hop.call(requestHead(), false);
      const callee = await hop.callee.nth(0);
      hop.loseCaller();
      assert.equal(await callee.closed(), ErrorCodes.CANCEL);
    });

    it("holds each side back when the other does not read, and loses nothing", async () => {
      const size = 3_000_000;
      await using hop = await startHop(
        engine,
        { onHead: (exchange) => exchange.head(OK, false), reads: false },
        { caller: { reads: false } },
      );
      const { exchange, seen } = hop.call(requestHead(), false);
      const callee = await hop.callee.nth(0);
      exchange.data(Buffer.alloc(size), true);
      callee.exchange?.data(Buffer.alloc(size), true);
      for (const each of [seen, callee]) await each.until(({ bytes }) => bytes > 200_000);
      assert.ok(seen.bytes < size && callee.bytes < size);
      // The answer last: its end would stop the request.
      for (const each of [callee, seen]) {
        const all = each.until(({ bytes, held }) => {
          each.held = 0;
          each.exchange?.release(held);
          return bytes === size;
        });
        each.changed();
        await all;
      }
      assert.equal(await seen.closed(), 0);
    });

    it("passes an answer before the request's end, stops the request, and cancels the rest upstream", async () => {
      await using hop = await startHop(engine, {
        onHead: (exchange) => exchange.head([...OK, ...DONE], true),
      });
      for (let round = 0; round < 3; round++) {
        const { exchange, seen } = hop.call(requestHead(), false);
        exchange.data(Buffer.alloc(2_000_000), false);
        assert.equal(await seen.closed(), 0);
        await (await hop.callee.nth(round)).closed();
      }
      assert.equal(hop.pool.sessions[0]?.open, 0);
    });

    it("ends a call at its deadline: by the policy's answer before the head, by a reset after it", async () => {
      await using hop = await startHop(
        engine,
        {
          onHead: (exchange, head) => {
            if (head.some(({ name }) => name === "begin")) exchange.head(OK, false);
          },
        },
        { deadlineMs: 60 },
      );
      const silent = hop.call(requestHead(), true);
      assert.equal(await silent.seen.closed(), 0);
      assert.deepEqual(pairs(silent.seen.heads[0]), [[":status", "503"]]);
      const begun = hop.call(requestHead(["begin", "1"]), true);
      assert.equal(await begun.seen.closed(), ErrorCodes.CANCEL);
      for (const nth of [0, 1]) {
        assert.equal(await (await hop.callee.nth(nth)).closed(), ErrorCodes.CANCEL);
      }
      assert.deepEqual(hop.failures, [{ kind: "deadline" }]);
      assert.deepEqual(
        hop.outcomes.map(({ endedBy }) => endedBy),
        ["relay", "relay"],
      );
    });

    it("ends a silent call, saying whether its request was over; one that moves goes on", async () => {
      await using hop = await startHop(engine, {}, { idleMs: 80 });
      const whole = hop.call(requestHead(), true);
      await whole.seen.closed();
      const open = hop.call(requestHead(), false);
      await open.seen.closed();
      assert.deepEqual(hop.failures, [
        { kind: "idle", requestEnded: true },
        { kind: "idle", requestEnded: false },
      ]);
      const moving = hop.call(requestHead(), false);
      const callee = await hop.callee.nth(2);
      const fromMs = performance.now();
      for (let nth = 1; performance.now() - fromMs < 200; nth++) {
        moving.exchange.data(message, false);
        await callee.until(({ bytes }) => bytes === nth * message.length);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.equal(moving.seen.code, undefined);
      moving.seen.reset(ErrorCodes.CANCEL);
    });

    it("has one deadline for all attempts, and does not wait for a pool behind it", async () => {
      await using stuck = await startRawServer(() => {});
      await using hop = await startHop(engine, {}, { deadlineMs: 60, port: stuck.port });
      const { seen } = hop.call(requestHead(), true);
      await seen.closed();
      assert.deepEqual(hop.failures, [{ kind: "deadline" }]);
      // The pool's attempt goes on; nothing waits for it.
      assert.equal(hop.pool.connecting, 1);
    });

    it("answers for an upstream that is away by the policy, after one more try", async () => {
      const gone = await startRawServer(() => {});
      await gone[Symbol.asyncDispose]();
      await using hop = await startHop(engine, {}, { port: gone.port });
      const { exchange, seen } = hop.call(requestHead(), false);
      exchange.data(message, true);
      assert.equal(await seen.closed(), 0);
      assert.deepEqual(pairs(seen.heads[0]), [[":status", "503"]]);
      assert.partialDeepStrictEqual(hop.failures, [{ kind: "unreachable", retried: true }]);
      assert.match(
        JSON.stringify(hop.failures),
        /remote connection failure, transport failure reason: .*ECONNREFUSED/,
      );
    });

    it("limits.waiting: fails with overflow when too many wait", async () => {
      await using stuck = await startRawServer(() => {});
      await using hop = await startHop(engine, {}, { port: stuck.port, limits: { waiting: 2 } });
      const calls = [1, 2, 3].map(() => hop.call(requestHead(), true));
      await calls[2]?.seen.closed();
      assert.deepEqual(hop.failures, [{ kind: "overflow" }]);
      for (const { seen } of calls.slice(0, 2)) seen.reset(ErrorCodes.CANCEL);
    });
  });
}

describe("retries (LM-2)", () => {
  const refused = (peer: RawPeer, id: number) => peer.send(frame(RST_STREAM, 0, id, uint32(7)));
  const answer = (peer: RawPeer, id: number) =>
    peer.send(frame(HEADERS, END, id, block([":status", "200"], ["grpc-status", "0"])));

  it("sends what was refused once more, with its data and trailers", async () => {
    await using upstream = await startScripted([refused, answer]);
    await using hop = await startHop(callpathEngine, {}, { port: upstream.port });
    const { exchange, seen } = hop.call(requestHead(), false);
    exchange.data(Buffer.from("one "), false);
    exchange.data(Buffer.from("two"), false);
    exchange.head(headOf(["t", "1"]), true);
    assert.equal(await seen.closed(), 0);
    const [first, second] = upstream.requests;
    assert.deepEqual(first, second);
    assert.equal(second?.body, "one two");
    assert.deepEqual(hop.failures, []);
  });

  it("does so once", async () => {
    await using upstream = await startScripted([refused, refused, answer]);
    await using hop = await startHop(callpathEngine, {}, { port: upstream.port });
    await hop.call(requestHead(), true).seen.closed();
    assert.deepEqual(hop.failures, [
      { kind: "unreachable", detail: "remote refused stream reset", retried: true },
    ]);
  });

  it("sends what GOAWAY says was not begun on another connection", async () => {
    await using upstream = await startScripted([
      (peer) => peer.send(frame(GOAWAY, 0, 0, uint32(0, 0))),
      answer,
    ]);
    await using hop = await startHop(callpathEngine, {}, { port: upstream.port });
    const { seen } = hop.call(requestHead(), true);
    assert.equal(await seen.closed(), 0);
    assert.equal(upstream.connections, 2);
  });

  for (const [what, script, detail] of [
    [
      "another reset",
      (peer: RawPeer, id: number) => peer.send(frame(RST_STREAM, 0, id, uint32(2))),
      "remote reset",
    ],
    ["a lost connection", (peer: RawPeer) => peer.socket.destroy(), "connection termination"],
    [
      "a malformed answer",
      (peer: RawPeer, id: number) => peer.send(frame(HEADERS, END, id, block(["x", "1"]))),
      "protocol error",
    ],
  ] as const) {
    it(`does not after ${what}: the call may have begun`, async () => {
      await using upstream = await startScripted([script, answer]);
      await using hop = await startHop(callpathEngine, {}, { port: upstream.port });
      await hop.call(requestHead(), true).seen.closed();
      assert.deepEqual(hop.failures, [{ kind: "unreachable", detail, retried: false }]);
    });
  }

  it("does not when it is told not to", async () => {
    await using upstream = await startScripted([refused, answer]);
    await using hop = await startHop(callpathEngine, {}, { port: upstream.port, retry: false });
    await hop.call(requestHead(), true).seen.closed();
    assert.partialDeepStrictEqual(hop.failures, [{ kind: "unreachable", retried: false }]);
  });

  it("limits.replayBytes: does not when more of the request was sent than is kept", async () => {
    for (const [bytes, retried] of [
      [1000, true],
      [1001, false],
    ] as const) {
      await using upstream = await startScripted([refused, answer]);
      await using hop = await startHop(
        callpathEngine,
        {},
        { port: upstream.port, replayBytes: 1000 },
      );
      const { exchange, seen } = hop.call(requestHead(), false);
      exchange.data(Buffer.alloc(bytes), true);
      await seen.closed();
      assert.equal(hop.failures.length, retried ? 0 : 1);
    }
  });

  it("never ends an answer that has begun as if it were whole", async () => {
    await using upstream = await startScripted([
      (peer, id) => {
        peer.send(
          frame(HEADERS, Flag.END_HEADERS, id, block([":status", "200"])),
          frame(DATA, 0, id, message),
        );
        peer.socket.end();
      },
    ]);
    await using hop = await startHop(callpathEngine, {}, { port: upstream.port });
    const { seen } = hop.call(requestHead(), true);
    assert.equal(await seen.closed(), ErrorCodes.INTERNAL_ERROR);
    assert.equal(seen.ended, false);
    await hop.ended(1);
    assert.partialDeepStrictEqual(hop.outcomes, [{ status: "200", endedBy: "upstream" }]);
  });
});

describe("a policy that throws", () => {
  for (const where of ["answerHead", "answerTrailers", "requestTrailers", "fail", "end"] as const) {
    it(`in ${where}: that call is reset or ends, it is reported, the next is served`, async () => {
      let throws = true;
      const thrower = () => {
        if (throws) throw new Error(where);
      };
      const errors: unknown[] = [];
      await using hop = await startHop(
        callpathEngine,
        {
          onHead: (exchange) => {
            if (where !== "fail" || !throws) exchange.head(OK, false);
          },
          onTrailers: (exchange) => exchange.head(DONE, true),
        },
        {
          ...(where === "fail" ? { deadlineMs: 20 } : {}),
          policy: {
            [where]: (_call: unknown, passed: Head) => {
              thrower();
              return passed;
            },
            onError: (_call, error) => errors.push(error),
          },
        },
      );
      const { exchange, seen } = hop.call(requestHead(), false);
      exchange.head(headOf(["t", "1"]), true);
      assert.equal(await seen.closed(), where === "end" ? 0 : ErrorCodes.INTERNAL_ERROR);
      while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(errors.map(String), [`Error: ${where}`]);
      throws = false;
      const next = hop.call(requestHead(), false);
      next.exchange.head(headOf(["t", "1"]), true);
      assert.equal(await next.seen.closed(), 0);
    });
  }
});

/** An upstream, a relay before it, and a caller. */
async function startHop(
  engine: Engine,
  upstream: Behaviour,
  options: {
    readonly caller?: Behaviour;
    readonly policy?: Partial<RelayPolicy<undefined>>;
    readonly limits?: Partial<Limits>;
    readonly replayBytes?: number;
    /** Of another upstream than `upstream`. */
    readonly port?: number;
  } & Partial<Pick<RelayTarget, "deadlineMs" | "idleMs" | "retry">> = {},
) {
  const callee = new Recorder(upstream);
  const failures: RelayFailure[] = [];
  const outcomes: RelayOutcome[] = [];
  const ends: (() => void)[] = [];
  const policy: RelayPolicy<undefined> = {
    fail(_call, exchange, failure) {
      failures.push(failure);
      exchange.head(headOf([":status", "503"]), true);
    },
    ...options.policy,
    end(call, outcome) {
      outcomes.push(outcome);
      for (const each of ends.splice(0)) each();
      options.policy?.end?.(call, outcome);
    },
  };
  const relay = createRelay(policy, {
    replayBytes: options.replayBytes ?? defaultLimits.replayBytes,
  });
  const service = await startHttpServer<Seen>({
    host: "127.0.0.1",
    port: 0,
    engine,
    limits: defaultLimits,
    handler: callee,
    drainMs: 0,
  });
  const pool = new UpstreamPool({
    host: "127.0.0.1",
    port: options.port ?? service.port,
    engine,
    limits: { ...defaultLimits, ...options.limits },
  });
  const pair = await openPairTo<RelayCall<undefined> | undefined>(
    { server: engine, client: engine },
    {
      ...relay.downstream,
      onHead: (exchange, head, end) =>
        relay.forward(exchange, end, undefined, {
          pool,
          head,
          deadlineMs: options.deadlineMs,
          idleMs: options.idleMs,
          ...(options.retry === undefined ? {} : { retry: options.retry }),
        }),
      onEnd() {},
    },
    options.caller,
  );
  return {
    callee,
    failures,
    outcomes,
    pool,
    call: pair.call,
    loseCaller: () => pair.clientSocket.destroy(),
    /** Resolves when so many calls have ended. */
    async ended(count: number) {
      while (outcomes.length < count) await new Promise<void>((done) => ends.push(done));
    },
    async [Symbol.asyncDispose]() {
      await pair[Symbol.asyncDispose]();
      for (const session of pool.sessions) session.destroy(ErrorCodes.CANCEL);
      await pool[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
      relay[Symbol.dispose]();
      assert.deepEqual(callee.violations, []);
    },
  };
}

/** An upstream that does with the nth request, over all connections, what the script's nth entry says. */
async function startScripted(script: readonly ((peer: RawPeer, id: number) => void)[]): Promise<
  {
    readonly port: number;
    readonly connections: number;
    readonly requests: readonly {
      readonly body: string;
      readonly trailers: string;
    }[];
  } & AsyncDisposable
> {
  const requests: { body: string; trailers: string }[] = [];
  let connections = 0;
  const server = await startRawServer((peer) => {
    connections++;
    peer.send(settings());
    const serve = async () => {
      for (let id = 1; ; id += 2) {
        const isOf = (each: { readonly id: number }) => each.id === id;
        await peer.until((each) => isOf(each) && (each.flags & Flag.END_STREAM) !== 0);
        const frames = peer.frames.filter(isOf);
        const [, ...rest] = frames.filter(({ type }) => type === HEADERS);
        requests.push({
          body: Buffer.concat(
            frames.filter(({ type }) => type === DATA).map(({ payload }) => payload),
          ).toString(),
          trailers: rest.map(({ payload }) => payload.toString("latin1")).join(),
        });
        script[requests.length - 1]?.(peer, id);
      }
    };
    void serve().catch(() => {});
  });
  return {
    port: server.port,
    get connections() {
      return connections;
    },
    requests,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

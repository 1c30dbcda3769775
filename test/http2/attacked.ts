import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { UpstreamPool } from "../../src/http2/client.ts";
import { callpathEngine } from "../../src/http2/engine.ts";
import { firstValue } from "../../src/http2/head.ts";
import { defaultLimits, type Limits } from "../../src/http2/limits.ts";
import { type HttpServer, startHttpServer } from "../../src/http2/server.ts";
import { RawPeer } from "./raw-peer.ts";
import { type Behaviour, headOf, Recorder, requestHead, Seen, sessionOf } from "./recorder.ts";

/** A server under attack, beside a client that behaves. */
export interface Attacked extends AsyncDisposable {
  readonly server: HttpServer;
  readonly callee: Recorder;
  /** An attacker's connection that has sent preface and SETTINGS. */
  attacker(greeting?: Uint8Array): Promise<RawPeer>;
  /** Calls that the well-behaved client makes, each with an answer; fails when one is lost. */
  callWell(calls?: number): Promise<void>;
  /** Only the well-behaved client is left, with no exchange. */
  atRest(): Promise<void>;
}

/**
 * Answers requests when they have ended: with `size` bytes if the head says so, else with an echo. What is asked for
 * by `wait: 1` is never answered.
 */
export async function startAttacked(
  limits: Partial<Limits> = {},
  options: Pick<Behaviour, "reads" | "onHead"> = {},
): Promise<Attacked> {
  const engine = callpathEngine;
  const answer = (seen: Seen) => {
    const { exchange } = seen;
    const head = seen.heads[0] ?? [];
    if (exchange === undefined || firstValue(head, "wait") === "1") return;
    exchange.head(headOf([":status", "200"]), false);
    exchange.data(Buffer.alloc(Number(firstValue(head, "size") ?? seen.bytes)), false);
    exchange.head(headOf(["grpc-status", "0"]), true);
  };
  const callee = new Recorder({
    ...options,
    onHead: (exchange, head, end) => {
      options.onHead?.(exchange, head, end);
      if (end) answer(exchange.own);
    },
    onData: (exchange, _bytes, end) => {
      if (end) answer(exchange.own);
    },
    onTrailers: (exchange) => answer(exchange.own),
  });
  const server = await startHttpServer<Seen>({
    host: "127.0.0.1",
    port: 0,
    engine,
    limits: { ...defaultLimits, ...limits },
    handler: callee,
    drainMs: 0,
  });
  const pool = new UpstreamPool({
    host: "127.0.0.1",
    port: server.port,
    engine,
    limits: defaultLimits,
  });
  const attackers: RawPeer[] = [];
  const caller = new Recorder();
  return {
    server,
    callee,
    async attacker(greeting) {
      const peer = await RawPeer.connect(server.port, greeting);
      attackers.push(peer);
      return peer;
    },
    async callWell(calls = 20) {
      const session = await sessionOf(pool);
      const all = Array.from({ length: calls }, () => {
        const seen = new Seen();
        const exchange = session.start(requestHead(["x-well", "1"]), false, caller, seen);
        assert.ok(exchange !== undefined, "no capacity for a well-behaved client");
        exchange.data(Buffer.from("well"), true);
        return seen;
      });
      for (const seen of all) {
        assert.equal(await seen.closed(), 0);
        assert.equal(seen.body.toString().length, 4);
      }
      assert.equal(pool.connections, 1);
    },
    async atRest() {
      for (const attacker of attackers) await attacker[Symbol.asyncDispose]();
      while (server.connections > pool.connections) await nextTurn();
      for (const seen of callee.all) if (!seen.wasReset) await seen.closed();
      assert.deepEqual(callee.violations, []);
    },
    async [Symbol.asyncDispose]() {
      for (const attacker of attackers) await attacker[Symbol.asyncDispose]();
      await pool[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import tls from "node:tls";
import { frame, type RawPeer, settings, startRawServer } from "../../test/http2/raw-peer.ts";
import { type Behaviour, headOf, Recorder, requestHead, Seen } from "../../test/http2/recorder.ts";
import { openLocalCa } from "../emulator/ca.ts";
import { UpstreamPool, type UpstreamPoolOptions } from "./client.ts";
import { callpathEngine } from "./engine.ts";
import type { Session } from "./exchange.ts";
import { FrameType, Setting } from "./frames.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { nodeEngine } from "./node-engine.ts";
import { type HttpServer, startHttpServer } from "./server.ts";

const ANSWER = headOf([":status", "200"], ["grpc-status", "0"]);
const answering: Behaviour = { onHead: (exchange) => exchange.head(ANSWER, true) };

for (const engine of [callpathEngine, nodeEngine]) {
  describe(`UpstreamPool on ${engine.name}`, () => {
    it("makes one connection for calls at the same time, and keeps it for the next", async () => {
      await using server = await serve(answering);
      await using pool = openPool(server.port, { engine });
      for (let round = 0; round < 3; round++) {
        await Promise.all(Array.from({ length: 50 }, () => callOf(pool)));
      }
      assert.equal(server.connections, 1);
      assert.equal(pool.connections, 1);
    });

    it("opens more when the upstream limits streams; no call is lost", async () => {
      const open: Seen[] = [];
      const callee: Behaviour = {
        onHead: (exchange) => {
          open.push(exchange.own);
          if (open.length === 30) for (const seen of open) seen.exchange?.head(ANSWER, true);
        },
      };
      await using server = await serve(callee, { streams: 3 });
      await using pool = openPool(server.port, { engine });
      await Promise.all(Array.from({ length: 30 }, () => callOf(pool)));
      assert.equal(server.connections, 10);
    });

    it("limits.upstreamConnections: who finds no room waits, and is served in turn", async () => {
      await using server = await serve(answering, { streams: 1 });
      await using pool = openPool(server.port, { engine, limits: { upstreamConnections: 2 } });
      const order: number[] = [];
      await Promise.all(
        Array.from({ length: 20 }, async (_, nth) => {
          await callOf(pool);
          order.push(nth);
        }),
      );
      assert.ok(server.connections <= 2);
      assert.equal(order.length, 20);
      assert.ok((order[0] ?? 99) < 2);
    });

    it("limits.waiting: who comes when that many wait fails with overflow at once", async () => {
      await using server = await serve({}, { streams: 1 });
      await using pool = openPool(server.port, {
        engine,
        limits: { upstreamConnections: 1, waiting: 2 },
      });
      const held = await startOn(pool);
      const waiting = [callOf(pool), callOf(pool)];
      await assert.rejects(callOf(pool), /overflow/);
      held.reset(8);
      for (const each of waiting) void each.catch(() => {});
      for (const session of pool.sessions) session.destroy(8);
    });

    it("connects again when the connection was lost or drained", async () => {
      await using server = await serve(answering);
      await using pool = openPool(server.port, { engine });
      for (let round = 0; round < 3; round++) {
        await callOf(pool);
        const [session] = pool.sessions;
        if (round === 0) session?.destroy(8);
        else session?.drain();
        await callOf(pool);
      }
    });

    it("says why there is no connection, and finds the upstream when it is back", async () => {
      const gone = await serve(answering);
      await gone[Symbol.asyncDispose]();
      await using pool = openPool(gone.port, { engine });
      for (let attempt = 0; attempt < 4; attempt++) {
        await assert.rejects(
          callOf(pool),
          /unreachable: remote connection failure, transport failure reason: .*ECONNREFUSED/,
        );
      }
      await using back = await serve(answering, {}, gone.port);
      await callOf(pool);
      assert.equal(back.connections, 1);
    });

    it("connects no more often than its pauses allow while the upstream is away", async () => {
      let connections = 0;
      await using server = await startRawServer((peer) => {
        connections++;
        peer.socket.destroy();
      });
      await using pool = openPool(server.port, { engine });
      const untilMs = performance.now() + 150;
      while (performance.now() < untilMs) await assert.rejects(callOf(pool), /unreachable/);
      // 2 at once, then after 10, 20, 40, 80 ms.
      assert.ok(connections <= 7, `${connections} connections in 150 ms`);
    });

    it("lets calls finish when it is disposed, and those that wait fail", async () => {
      const release = Promise.withResolvers<void>();
      await using server = await serve(
        { onHead: (exchange) => void release.promise.then(() => exchange.head(ANSWER, true)) },
        { streams: 1 },
      );
      const pool = openPool(server.port, { engine, limits: { upstreamConnections: 1 } });
      const running = await startOn(pool);
      const waiting = callOf(pool);
      const disposed = pool[Symbol.asyncDispose]();
      await assert.rejects(waiting, /the pool is closed/);
      await assert.rejects(callOf(pool), /the pool is closed/);
      release.resolve();
      assert.equal(await running.closed(), 0);
      await disposed;
    });

    it("refuses HTTP/1.1 upstreams with what to do instead", () => {
      assert.throws(
        () => openPool(80, { engine, protocol: "http/1.1" }),
        /HTTP\/1.1 to 127.0.0.1:80 is not available yet: use an upstream that speaks HTTP\/2/,
      );
    });

    describe("TLS", () => {
      it("offers exactly h2, sends the name, and trusts the roots it is given (BE-3)", async () => {
        await using upstream = await serveTls();
        await using pool = openPool(upstream.server.port, {
          engine,
          tls: { servername: "localhost", ca: [upstream.ca] },
        });
        await callOf(pool);
      });

      for (const [what, options, why] of [
        [
          "a certificate of another name",
          { servername: "example.com" },
          /does not match certificate/,
        ],
        [
          "a root it does not know",
          { servername: "localhost", ca: [] },
          /self-signed|unable to (get|verify)/,
        ],
      ] as const) {
        it(`refuses ${what}, and says so`, async () => {
          await using upstream = await serveTls();
          await using pool = openPool(upstream.server.port, {
            engine,
            tls: { ca: [upstream.ca], ...options },
          });
          await assert.rejects(callOf(pool), why);
        });
      }

      it("refuses an upstream that does not choose h2", async () => {
        await using upstream = await serveTls();
        const plain = tls.createServer({ ...upstream.identity, ALPNProtocols: ["http/1.1"] });
        plain.on("tlsClientError", () => {});
        await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
        const { port } = plain.address() as { port: number };
        await using pool = openPool(port, {
          engine,
          tls: { servername: "localhost", ca: [upstream.ca] },
        });
        await assert.rejects(callOf(pool), /unreachable/);
        await new Promise((resolve) => plain.close(resolve));
      });
    });
  });
}

describe("UpstreamPool, by hand", () => {
  it("starts no call before the upstream's SETTINGS said how many it takes", async () => {
    const peers: RawPeer[] = [];
    await using server = await startRawServer((peer) => {
      peers.push(peer);
      void peer
        .until(({ type }) => type === FrameType.SETTINGS)
        .then(() =>
          peer.send(settings([Setting.MAX_CONCURRENT_STREAMS, 1]), frame(FrameType.SETTINGS, 1, 0)),
        );
    });
    await using pool = openPool(server.port, { limits: { upstreamConnections: 1 } });
    const first = await startOn(pool);
    const second = callOf(pool).catch(() => {});
    await first.until(() => pool.sessions[0]?.capacity === 0);
    assert.equal(peers[0]?.frames.filter(({ type }) => type === FrameType.HEADERS).length ?? 0, 0);
    for (const session of pool.sessions) session.destroy(8);
    await server[Symbol.asyncDispose]();
    await second;
  });
});

function openPool(
  port: number,
  options: Omit<Partial<UpstreamPoolOptions>, "limits"> & { readonly limits?: Partial<Limits> },
): UpstreamPool {
  return new UpstreamPool({
    host: "127.0.0.1",
    port,
    engine: callpathEngine,
    ...options,
    limits: { ...defaultLimits, ...options.limits },
  });
}

function serve(behaviour: Behaviour, limits: Partial<Limits> = {}, port = 0): Promise<HttpServer> {
  return startHttpServer<Seen>({
    host: "127.0.0.1",
    port,
    engine: callpathEngine,
    limits: { ...defaultLimits, ...limits },
    handler: new Recorder(behaviour),
    drainMs: 0,
  });
}

async function serveTls() {
  const folder = mkdtempSync(join(tmpdir(), "callpath-pool-"));
  const ca = openLocalCa(folder, { nowMs: Date.now });
  const identity = ca.issue(["localhost"]);
  const server = await startHttpServer<Seen>({
    host: "127.0.0.1",
    port: 0,
    engine: callpathEngine,
    limits: defaultLimits,
    tls: identity,
    handler: new Recorder(answering),
    drainMs: 0,
  });
  return {
    server,
    identity,
    ca: ca.certPem,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A call that has begun: a session is used when it is given, or the next who waits gets the same room. */
function startOn(pool: UpstreamPool): Promise<Seen> {
  const seen = new Seen();
  const startIn = (session: Session) => {
    seen.exchange = session.start(requestHead(), true, new Recorder(), seen);
    assert.ok(seen.exchange !== undefined);
  };
  const session = pool.pick();
  if (session !== undefined) startIn(session);
  if (session !== undefined) return Promise.resolve(seen);
  return new Promise((resolve, reject) => {
    pool.wait({
      onSession: (room) => {
        startIn(room);
        resolve(seen);
      },
      onNoSession: (kind, detail) => reject(new Error(`${kind}: ${detail}`)),
    });
  });
}

/** A call and its answer. Rejects when there is no connection for it. */
async function callOf(pool: UpstreamPool): Promise<void> {
  const seen = await startOn(pool);
  assert.equal(await seen.closed(), 0);
}

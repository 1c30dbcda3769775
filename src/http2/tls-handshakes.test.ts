import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { openLocalCa } from "../emulator/ca.ts";
import { callpathEngine } from "./engine.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { type HttpServer, startHttpServer } from "./server.ts";

describe("connections to a TLS port that shake no hands", () => {
  it("limits.connections: they count", async () => {
    await using server = await serve({ connections: 2 });
    const silent = await Promise.all([connect(server), connect(server)]);
    const third = await connect(server);
    await closed(third);
    assert.equal(server.connections, 2);
    for (const socket of silent) socket.destroy();
  });

  it("limits.prefaceMs: they are closed", async () => {
    await using server = await serve({ prefaceMs: 20 });
    await closed(await connect(server));
  });

  it("do not keep a server from ending", async () => {
    const server = await serve({});
    const silent = await connect(server);
    const ended = closed(silent);
    await server[Symbol.asyncDispose]();
    await ended;
  });
});

function serve(limits: Partial<Limits>): Promise<HttpServer> {
  const stateDir = mkdtempSync(path.join(tmpdir(), "callpath-handshakes-"));
  try {
    const tls = openLocalCa(stateDir, { nowMs: Date.now }).issue(["127.0.0.1"]);
    return startHttpServer({
      host: "127.0.0.1",
      port: 0,
      engine: callpathEngine,
      limits: { ...defaultLimits, ...limits },
      tls,
      handler: {
        onHead() {},
        onData() {},
        onTrailers() {},
        onDrain() {},
        onClose() {},
        onEnd() {},
      },
      drainMs: 10_000,
    });
  } finally {
    rmSync(stateDir, { recursive: true });
  }
}

/** A connection that the server has seen. */
async function connect(server: HttpServer): Promise<net.Socket> {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Reads until the server closes. */
async function closed(socket: net.Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, "close");
}

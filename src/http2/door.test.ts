import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import tls from "node:tls";
import { block, frame, RawPeer, request, settings } from "../../test/http2/raw-peer.ts";
import { headOf, Recorder, type Seen } from "../../test/http2/recorder.ts";
import { openLocalCa } from "../emulator/ca.ts";
import { callpathEngine } from "./engine.ts";
import { Flag, FrameType, PREFACE } from "./frames.ts";
import { defaultLimits } from "./limits.ts";
import { startHttpServer } from "./server.ts";

const GET = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

describe("the door", () => {
  it("knows HTTP/2 by its preface, though it comes byte by byte", async () => {
    await using server = await serve();
    await using peer = await RawPeer.connect(server.port, Buffer.alloc(0));
    const greeting = Buffer.concat([
      PREFACE,
      settings(),
      frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, 1, block(...request)),
    ]);
    for (const byte of greeting) {
      peer.send(Buffer.from([byte]));
      await nextTurn();
    }
    await peer.until(({ type, id }) => type === FrameType.HEADERS && id === 1);
  });

  it("takes everything else for HTTP/1.1, also methods that begin like the preface", async () => {
    await using server = await serve();
    for (const said of [GET, GET.replace("GET", "PROPFIND")]) {
      const socket = net.connect(server.port, "127.0.0.1");
      for (const char of said.slice(0, 8)) {
        socket.write(char);
        await nextTurn();
      }
      socket.write(said.slice(8));
      assert.match(await text(socket), /^HTTP\/1.1 200 /);
    }
  });

  it("hangs up on who closes before saying anything", async () => {
    await using server = await serve();
    const socket = net.connect(server.port, "127.0.0.1");
    socket.end("PR");
    socket.resume();
    await once(socket, "close");
    assert.equal(server.connections, 0);
  });

  it("goes by ALPN under TLS, and by the first bytes where there is none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "callpath-door-"));
    try {
      const ca = openLocalCa(folder, { nowMs: Date.now });
      await using server = await serve(ca.issue(["localhost"]));
      const to = { host: "127.0.0.1", port: server.port, ca: ca.certPem, servername: "localhost" };
      for (const protocols of [["http/1.1"], undefined]) {
        const socket = tls.connect({ ...to, ...(protocols && { ALPNProtocols: protocols }) });
        await once(socket, "secureConnect");
        assert.equal(socket.alpnProtocol, protocols?.[0] ?? false);
        socket.write(GET);
        assert.match(await text(socket), /^HTTP\/1.1 200 /);
      }
      for (const protocols of [["h2"], undefined]) {
        const socket = tls.connect({ ...to, ...(protocols && { ALPNProtocols: protocols }) });
        await once(socket, "secureConnect");
        const session = http2.connect("https://localhost", { createConnection: () => socket });
        session.on("error", () => {});
        const stream = session.request({ ":path": "/" });
        const [headers] = await once(stream, "response");
        assert.equal(headers[":status"], 200);
        session.destroy();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function serve(identity?: { cert: string; key: string }) {
  return startHttpServer<Seen>({
    host: "127.0.0.1",
    port: 0,
    engine: callpathEngine,
    limits: defaultLimits,
    ...(identity === undefined ? {} : { tls: identity }),
    handler: new Recorder({
      onHead: (exchange) => exchange.head(headOf([":status", "200"]), true),
    }),
    drainMs: 0,
  });
}

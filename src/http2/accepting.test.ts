import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { openLocalCa } from "../emulator/ca.ts";
import type { ConnectionSource } from "./accepting.ts";
import { callpathEngine } from "./engine.ts";
import type { SessionHandler } from "./exchange.ts";
import { defaultLimits } from "./limits.ts";
import { type HttpServer, startHttpServer } from "./server.ts";

const { field } = callpathEngine;
const hello: SessionHandler<undefined> = {
  onHead(exchange) {
    exchange.head([field(":status", "200")], false);
    exchange.data(Buffer.from("hello"), true);
  },
  onData() {},
  onTrailers() {},
  onDrain() {},
  onClose() {},
  onEnd() {},
};

/** A listener that hands its connections over, as a primary process does. */
class Handover implements ConnectionSource, AsyncDisposable {
  readonly #server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  isOpen = false;

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  open(take: (socket: net.Socket) => void): Disposable {
    this.isOpen = true;
    this.#server.on("connection", (socket) => {
      take(socket);
      socket.resume();
    });
    return {
      [Symbol.dispose]: () => {
        this.isOpen = false;
        this.#server.removeAllListeners("connection");
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function start(tls?: {
  cert: string;
  key: string;
}): Promise<{ server: HttpServer; source: Handover } & AsyncDisposable> {
  const source = new Handover();
  const port = await source.listen();
  const server = await startHttpServer({
    host: "127.0.0.1",
    port,
    connections: source,
    engine: callpathEngine,
    limits: defaultLimits,
    handler: hello,
    drainMs: 1000,
    ...(tls === undefined ? {} : { tls }),
  });
  return {
    server,
    source,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await source[Symbol.asyncDispose]();
    },
  };
}

async function ask(session: http2.ClientHttp2Session): Promise<string> {
  session.on("error", () => {});
  return text(session.request({ ":path": "/" }).end());
}

describe("a server whose connections are accepted elsewhere", () => {
  it("serves HTTP/2 and HTTP/1.1 on them, and says where they were accepted", async () => {
    await using one = await start();
    const { server } = one;
    const session = http2.connect(server.url.origin);
    assert.equal(await ask(session), "hello");
    assert.equal(server.connections, 1);
    session.close();
    const request = http.get(server.url, { agent: false });
    const [response] = await once(request, "response");
    assert.equal(await text(response), "hello");
  });

  it("serves TLS on them, by ALPN", async () => {
    const stateDir = mkdtempSync(join(tmpdir(), "callpath-accepting-"));
    try {
      const ca = openLocalCa(stateDir, { nowMs: Date.now });
      await using one = await start(ca.issue(["localhost"]));
      const session = http2.connect(one.server.url.origin, {
        ca: ca.certPem,
        servername: "localhost",
      });
      assert.equal(await ask(session), "hello");
      session.close();
    } finally {
      rmSync(stateDir, { recursive: true });
    }
  });

  it("takes no more once it is disposed, and waits for those it has", async () => {
    const { server, source } = await start();
    assert.equal(source.isOpen, true);
    const session = http2.connect(server.url.origin);
    await ask(session);
    const goaway = once(session, "goaway");
    const closed = server[Symbol.asyncDispose]();
    assert.equal(source.isOpen, false);
    await goaway;
    await closed;
    assert.equal(server.connections, 0);
    await source[Symbol.asyncDispose]();
  });
});

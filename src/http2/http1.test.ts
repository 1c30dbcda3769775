import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { type Behaviour, headOf, Recorder, type Seen } from "../../test/http2/recorder.ts";
import { callpathEngine } from "./engine.ts";
import { ErrorCodes } from "./error-code.ts";
import { LOST } from "./exchange.ts";
import { firstValue } from "./head.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { type HttpServer, startHttpServer } from "./server.ts";

const OK = headOf([":status", "200"]);
const GET = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const BAD_REQUEST =
  /^HTTP\/1.1 400 [\s\S]*\r\nconnection: close\r\n\r\n{"code":400,"message":"Bad Request"}\n$/;

describe("HTTP/1.1 on the same port", () => {
  it("is the same exchange: pseudo-headers, body, answer", async () => {
    await using served = await serve({
      onHead(exchange, head) {
        const sent = head.map(({ name, value }) => `${name}=${value}`).join(" ");
        exchange.head([...OK, ...headOf(["x-sent", sent])], false);
      },
      onData: (exchange, bytes, end) => exchange.data(bytes, end),
    });
    const answer = await served.request("/echo?x=1", { "X-A": "1", te: "trailers" }, "hello");
    assert.equal(answer.body, "hello");
    assert.equal(
      answer.headers["x-sent"],
      `:method=POST :scheme=http :authority=${served.server.url.host} :path=/echo?x=1 x-a=1 te=trailers content-length=5`,
    );
    const [seen] = served.callee.all;
    assert.equal(seen?.exchange?.session.protocol, "http/1.1");
    assert.equal(await seen?.closed(), 0);
  });

  it("keeps order and duplicates of headers, and removes what is about the connection", async () => {
    await using served = await serve({ onHead: (exchange) => exchange.head(OK, true) });
    await served.raw(
      `GET / HTTP/1.1\r\nhost: x\r\nk: 2\r\nk: 1\r\nconnection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: 1\r\nupgrade: h2c\r\nhttp2-settings: a\r\nte: deflate\r\n\r\n`,
    );
    const head = served.callee.all[0]?.heads[0] ?? [];
    assert.deepEqual(
      head.slice(4).map(({ name, value }) => [name, value]),
      [
        ["k", "2"],
        ["k", "1"],
      ],
    );
  });

  it("takes the authority from the target when it is a URL (RFC 9112, 3.2.2)", async () => {
    await using served = await serve({ onHead: (exchange) => exchange.head(OK, true) });
    await served.raw("GET http://a.example:1/b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    const head = served.callee.all[0]?.heads[0] ?? [];
    assert.equal(firstValue(head, ":authority"), "a.example:1");
    assert.equal(firstValue(head, ":path"), "/b");
    assert.equal(firstValue(head, "host"), undefined);
  });

  it("carries trailers both ways, in chunks", async () => {
    await using served = await serve({
      onHead: (exchange) => exchange.head(OK, false),
      onTrailers: (exchange, trailers) => {
        exchange.data(Buffer.from("body"), false);
        exchange.head([...headOf(["grpc-status", "0"]), ...trailers], true);
      },
    });
    const said = await served.raw(
      "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\nconnection: x\r\n\r\n",
    );
    assert.match(said, /\r\n\r\n4\r\nbody\r\n0\r\ngrpc-status: 0\r\nx-t: 1\r\n\r\n$/);
  });

  it("gives an answer that is only a head content-length 0 (ER-5), but not one to HEAD, 204 and 304", async () => {
    for (const [method, status, length] of [
      ["GET", "200", true],
      ["HEAD", "200", false],
      ["GET", "204", false],
      ["GET", "304", false],
    ] as const) {
      await using served = await serve({
        onHead: (exchange) =>
          exchange.head(headOf([":status", status], ["grpc-status", "12"]), true),
      });
      const said = await served.raw(`${method} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      assert.match(said, /\r\ngrpc-status: 12\r\n/);
      assert.equal(/content-length: 0/.test(said), length, `${method} ${status}`);
    }
  });

  it("serves one request after the other on a connection, also those sent ahead, in order", async () => {
    const waiting: Seen[] = [];
    await using served = await serve({ onHead: (exchange) => waiting.push(exchange.own) });
    const socket = served.connect();
    socket.write(
      "GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\nGET /3 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    for (let nth = 0; nth < 3; nth++) {
      const seen = await served.callee.nth(nth);
      assert.equal(served.callee.all.length, nth + 1, "one at a time");
      seen.exchange?.head([...OK, ...headOf(["n", String(nth)])], true);
    }
    assert.deepEqual((await text(socket)).match(/n: \d/g), ["n: 0", "n: 1", "n: 2"]);
  });

  it("limits.pipelined: more requests ahead end the connection", async () => {
    await using served = await serve({}, { pipelined: 3 });
    const said = served.raw(GET.repeat(6));
    assert.equal(await (await served.callee.nth(0)).closed(), LOST);
    assert.equal(await said, "");
  });

  it("holds the sender back when nobody reads", async () => {
    await using served = await serve({ reads: false }, { streamWindow: 100_000 });
    const socket = served.connect();
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 20000000\r\n\r\n`);
    socket.write(Buffer.alloc(20_000_000));
    const seen = await served.callee.nth(0);
    await seen.until(({ bytes }) => bytes >= 100_000);
    assert.ok(seen.bytes < 300_000);
    const all = seen.until(({ bytes, exchange, held }) => {
      seen.held = 0;
      exchange?.release(held);
      return bytes === 20_000_000;
    });
    seen.changed();
    await all;
  });

  it("says LOST when the client goes away", async () => {
    await using served = await serve({});
    const socket = served.connect();
    socket.write(GET);
    const seen = await served.callee.nth(0);
    socket.destroy();
    assert.equal(await seen.closed(), LOST);
  });

  it("closes the connection on a reset: the answer must not look whole", async () => {
    await using served = await serve({
      onHead: (exchange) => {
        exchange.head(OK, false);
        exchange.data(Buffer.from("half"), false);
        setImmediate(() => exchange.own.reset(ErrorCodes.CANCEL));
      },
    });
    assert.doesNotMatch(await served.raw(GET), /0\r\n\r\n$/);
  });

  it("ends only the exchange whose callback throws, and reports it", async () => {
    await using served = await serve({
      onHead: () => {
        throw new Error("in onHead");
      },
    });
    assert.equal(await served.raw(GET), "");
    const [seen] = served.callee.all;
    assert.equal(await seen?.closed(), ErrorCodes.INTERNAL_ERROR);
    assert.deepEqual(seen?.errors.map(String), ["Error: in onHead"]);
  });

  it("limits.lingerBytes: an answer before the request's end arrives; the rest is read up to a bound", async () => {
    await using served = await serve(
      { onHead: (exchange) => exchange.head(headOf([":status", "413"]), true) },
      { lingerBytes: 100_000 },
    );
    for (const size of [50_000, 5_000_000]) {
      const socket = served.connect();
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n`);
      const [said] = await once(socket, "data");
      assert.match(String(said), /^HTTP\/1.1 413 /);
      socket.write(Buffer.alloc(size));
      // What was read to its end leaves the connection as good as new.
      if (size < 100_000) socket.end("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
      const rest = await new Promise<string>((resolve) => {
        let all = "";
        socket.on("data", (bytes) => (all += bytes));
        socket.on("close", () => resolve(all));
      });
      assert.equal(/^HTTP\/1.1 413 /.test(rest), size < 100_000);
    }
  });

  it("drains: the answer says close, an idle connection closes at once", async () => {
    await using served = await serve({});
    const idle = served.connect();
    idle.write(GET);
    (await served.callee.nth(0)).exchange?.head(OK, true);
    await once(idle, "data");
    const busy = served.connect();
    busy.write(GET);
    const seen = await served.callee.nth(1);
    const disposed = served.server[Symbol.asyncDispose]();
    await once(idle, "end");
    seen.exchange?.head(OK, true);
    assert.match(await text(busy), /\r\nConnection: close\r\n/i);
    await disposed;
  });
});

describe("requests of HTTP/1.1 that are refused", () => {
  for (const [what, bytes] of [
    ["two hosts", "GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n"],
    ["no host", "GET / HTTP/1.1\r\n\r\n"],
    ["a host that is more than an authority", "GET / HTTP/1.1\r\nhost: x/../y\r\n\r\n"],
    ["a target that is none", "GET x HTTP/1.1\r\nhost: x\r\n\r\n"],
    [
      "content-length and transfer-encoding",
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "two lengths",
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    ],
    [
      "a transfer-encoding beside chunked",
      "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "transfer-encoding twice",
      "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a folded header", "GET / HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\n\r\n"],
    ["a space before the colon", "GET / HTTP/1.1\r\nhost: x\r\nx-a : 1\r\n\r\n"],
    ["a bare LF in the head", "GET / HTTP/1.1\r\nhost: x\nx-a: 1\r\n\r\n"],
    ["NUL in a value", "GET / HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n"],
  ] as const) {
    it(`${what}: 400 and close, nobody sees it`, async () => {
      await using served = await serve({});
      assert.match(await served.raw(bytes), BAD_REQUEST);
      assert.equal(served.callee.all.length, 0);
    });
  }

  it("limits.rejectUnderscores: a name with an underscore: 400 and close (HD-9)", async () => {
    await using served = await serve({}, { rejectUnderscores: true });
    assert.match(await served.raw("GET / HTTP/1.1\r\nhost: x\r\nx_a: 1\r\n\r\n"), BAD_REQUEST);
  });

  for (const [what, lines] of [
    [
      "limits.headerFields, more than 100 fields",
      Array.from({ length: 100 }, (_, at) => `x-${at}: 1`),
    ],
    ["limits.headerBytes, more than 60 KiB", [`x: ${"a".repeat(61_440)}`]],
  ] as const) {
    it(`${what}: 431 and close (LM-4)`, async () => {
      await using served = await serve({});
      assert.match(
        await served.raw(`GET / HTTP/1.1\r\nhost: x\r\n${lines.join("\r\n")}\r\n\r\n`),
        /^HTTP\/1.1 431 [\s\S]*{"code":431,"message":"Request Header Fields Too Large"}\n$/,
      );
    });
  }

  it("CONNECT: 405 and close", async () => {
    await using served = await serve({});
    assert.match(await served.raw("CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n"), /^HTTP\/1.1 405 /);
  });

  it("what is no HTTP at all: closed without a word", async () => {
    await using served = await serve({});
    assert.equal(await served.raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "");
  });
});

describe("HTTP/1.1 and time", () => {
  it("limits.headerMs: a head that comes byte by byte is cut off", async () => {
    await using served = await serve({}, { headerMs: 40 });
    const socket = served.connect();
    socket.write("GET / HTTP/1.1\r\nho");
    const dribble = setInterval(() => socket.write("s"), 10);
    assert.match(await text(socket), /^HTTP\/1.1 408 /);
    clearInterval(dribble);
  });

  it("limits.idleMs: a connection that asks nothing more is closed", async () => {
    await using served = await serve(
      { onHead: (exchange) => exchange.head(OK, true) },
      { headerMs: 30, idleMs: 60 },
    );
    assert.match(await served.raw(GET), /^HTTP\/1.1 200 /);
  });

  it("limits.connections: what is above them is closed at once, the others stay", async () => {
    await using served = await serve(
      { onHead: (exchange) => exchange.head(OK, true) },
      { connections: 2 },
    );
    const first = served.connect();
    first.write(GET);
    await once(first, "data");
    const second = served.connect();
    second.write(GET);
    await once(second, "data");
    assert.equal(await served.raw(""), "");
    first.write(GET);
    await once(first, "data");
  });
});

async function serve(behaviour: Behaviour, limits: Partial<Limits> = {}) {
  const callee = new Recorder(behaviour);
  const server: HttpServer = await startHttpServer<Seen>({
    host: "127.0.0.1",
    port: 0,
    engine: callpathEngine,
    limits: { ...defaultLimits, ...limits },
    handler: callee,
    drainMs: 100,
  });
  const sockets: net.Socket[] = [];
  const connect = () => {
    const socket = net.connect(server.port, "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => {});
    return socket;
  };
  return {
    server,
    callee,
    connect,
    /** What the server says to these bytes until it closes. */
    raw(bytes: string): Promise<string> {
      const socket = connect();
      socket.write(Buffer.from(bytes, "latin1"));
      return text(socket);
    },
    async request(path: string, headers: http.OutgoingHttpHeaders, body: string) {
      const sent = http.request(new URL(path, server.url), {
        method: "POST",
        headers,
        agent: false,
      });
      sent.end(body);
      const [answer] = (await once(sent, "response")) as [http.IncomingMessage];
      return { headers: answer.headers, body: await text(answer) };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      assert.deepEqual(callee.violations, []);
    },
  };
}

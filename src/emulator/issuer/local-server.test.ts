import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { jsonAnswer, type LocalServerOptions, startLocalServer } from "./local-server.ts";

/** A server that tells what it was asked. */
function start(options: Partial<LocalServerOptions> = {}) {
  return startLocalServer({
    port: 0,
    answer: ({ method, url, body }) =>
      jsonAnswer(200, { method, path: url.pathname, length: body.length }),
    fault: () => undefined,
    onError: (error) => assert.fail(String(error)),
    ...options,
  });
}

/** Send bytes as they are; what comes back until the server closes. */
async function talk(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.end(text);
  return Buffer.concat(await socket.toArray()).toString();
}

describe("startLocalServer", () => {
  for (const [length, status] of [
    [65_536, 200],
    [65_537, 413],
  ] as const) {
    it(`answers ${status} to a body of ${length} bytes`, async () => {
      await using server = await start();
      const init = { method: "POST", body: "x".repeat(length), headers: { connection: "close" } };
      const response = await fetch(`http://127.0.0.1:${server.port}/`, init);
      assert.equal(response.status, status);
      await response.text();
    });
  }

  it("answers 413 before the rest of the body came, and closes", async () => {
    await using server = await start();
    const socket = connect(server.port, "127.0.0.1");
    socket.write(
      `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n${"x".repeat(65_537)}`,
    );
    const answer = Buffer.concat(await socket.toArray()).toString();
    assert.match(answer, /^HTTP\/1\.1 413 .*longer than 65536 bytes/s);
  });

  it("answers 400 to what is no URL and to what is no HTTP", async () => {
    await using server = await start();
    const head = "host: a\r\nconnection: close\r\n\r\n";
    assert.match(await talk(server.port, `GET // HTTP/1.1\r\n${head}`), /^HTTP\/1\.1 400 /);
    assert.match(await talk(server.port, "hello\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.match(await talk(server.port, `GET http://a.b/c HTTP/1.1\r\n${head}`), /"path": "\/c"/);
  });

  it("answers 500 when the answer fails, and tells why to its owner only", async () => {
    const errors: unknown[] = [];
    const bug = new Error("a bug");
    await using server = await start({
      answer: () => Promise.reject(bug),
      onError: (error) => errors.push(error),
    });
    const response = await fetch(`http://127.0.0.1:${server.port}/`, {
      headers: { connection: "close" },
    });
    assert.equal(response.status, 500);
    assert.equal((await response.text()).includes("a bug"), false);
    assert.deepEqual(errors, [bug]);
  });

  it("outlives a caller that leaves in the middle of its body", async () => {
    await using server = await start();
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc");
    socket.destroy();
    await once(socket, "close");
    const response = await fetch(`http://127.0.0.1:${server.port}/ok`, {
      headers: { connection: "close" },
    });
    assert.equal(response.status, 200);
    await response.text();
  });

  it("names host and port when it cannot listen", async () => {
    await using server = await start();
    await assert.rejects(start({ port: server.port }), {
      message: `cannot listen on 127.0.0.1:${server.port}: the port is in use`,
    });
    await assert.rejects(
      start({ host: "192.0.2.1" }),
      /^Error: cannot listen on 192\.0\.2\.1:0: .*EADDRNOTAVAIL/,
    );
  });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { constants, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { EchoServer } from "../../gen/es/echo/echo_pb.ts";
import { testTls } from "../../test/answering-server.ts";
import { startH2 } from "../../test/h2-server.ts";
import { brokenCall } from "./broken-call.ts";
import { type ConnectOptions, connectGateway } from "./connect-gateway.ts";

const noToken = { audience: "", tokenSource: undefined, nowMs: () => 0, tries: 1 } as const;

/** Both kinds of call to an address, one after the other on one channel, and the errors they end with. */
async function callBoth(address: string, options: Partial<ConnectOptions> = {}) {
  using gateway = connectGateway({ ...noToken, ...options, address });
  const echo = createClient(EchoServer, gateway.transport);
  const unary = await failureOf(echo.sayHello({ name: "Ada" }));
  const stream = await failureOf(Array.fromAsync(echo.sayHelloStream({ name: "Ada" })));
  return [unary, stream];
}

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("the call succeeded");
}

function assertBroken(
  failures: readonly ConnectError[],
  code: Code,
  kind: string,
  words: RegExp,
): void {
  assert.equal(failures.length, 2);
  for (const failure of failures) {
    assert.equal(failure.code, code, failure.message);
    assert.equal(brokenCall(failure)?.kind, kind);
    assert.match(failure.rawMessage, words);
  }
}

/** A server that does not speak HTTP/2. */
async function startPlain(onSocket: (socket: Socket) => void, isTls = false) {
  const sockets = new Set<Socket>();
  const listener = (socket: Socket) => {
    sockets.add(socket.on("error", () => {}));
    onSocket(socket);
  };
  const options = { ...testTls, ALPNProtocols: ["http/1.1"] };
  const server = isTls ? createTlsServer(options, listener) : createServer(listener);
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe("a channel that cannot be opened: UNAVAILABLE, nothing was sent", () => {
  it("nothing listens", async () => {
    const server = await startPlain(() => {});
    await server[Symbol.asyncDispose]();
    const failures = await callBoth(`http://${server.host}`);
    assertBroken(failures, Code.Unavailable, "connect", /ECONNREFUSED/);
  });

  it("no TLS is spoken there", async () => {
    await using server = await startPlain((socket) =>
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
    const failures = await callBoth(server.host);
    assertBroken(failures, Code.Unavailable, "connect", /^TLS: wrong version number$/);
  });

  it("the certificate's root is not trusted", async () => {
    await using server = await startH2({ tls: testTls });
    const failures = await callBoth(server.address);
    assertBroken(failures, Code.Unavailable, "connect", /self-signed certificate/);
  });

  it("the certificate is for another name", async () => {
    await using server = await startH2({ tls: testTls });
    const failures = await callBoth(server.address, {
      ca: [testTls.cert],
      servername: "other.test",
    });
    assertBroken(failures, Code.Unavailable, "connect", /altnames/);
  });

  it("TLS speaks HTTP/1.1 only", async () => {
    await using server = await startPlain(() => {}, true);
    const failures = await callBoth(server.host, { ca: [testTls.cert] });
    assertBroken(failures, Code.Unavailable, "connect", /no application protocol|alert/);
  });

  it("nobody answers the handshake within connectTimeoutMs", async () => {
    await using server = await startPlain(() => {});
    const failures = await callBoth(server.host, { connectTimeoutMs: 30 });
    assertBroken(failures, Code.Unavailable, "connect", /no connection within 30 ms/);
  });
});

describe("a call whose connection breaks: UNAVAILABLE", () => {
  const lost = async (onStream: (stream: ServerHttp2Stream) => void) => {
    await using server = await startH2({
      onStream: (stream) => {
        onStream(stream);
        return "handled";
      },
    });
    assertBroken(await callBoth(server.address), Code.Unavailable, "lost", /connection/);
    assert.equal(server.connections(), 2);
  };

  it("closed before the answer", () => lost(({ session }) => session?.destroy()));

  it("closed without a word", async () => {
    await using server = await startPlain((socket) => socket.destroy());
    const failures = await callBoth(`http://${server.host}`);
    assertBroken(failures, Code.Unavailable, "lost", /connection was lost/);
  });

  it("closed in the middle of the answer", () =>
    lost((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(Buffer.from([0, 0, 0, 0]), () => stream.session?.destroy());
    }));

  it("ended with an error (GOAWAY)", () =>
    lost((stream) => stream.session?.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)));

  it("the other side speaks HTTP/1.1, and the program lives on", async () => {
    await using server = await startPlain((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    );
    const failures = await callBoth(`http://${server.host}`);
    assertBroken(failures, Code.Unavailable, "lost", /does not speak HTTP\/2/);
  });
});

describe("a call that the other side resets", () => {
  for (const [name, code, kind] of [
    ["NGHTTP2_REFUSED_STREAM", Code.Unavailable, "refused"],
    ["NGHTTP2_ENHANCE_YOUR_CALM", Code.ResourceExhausted, "reset"],
    ["NGHTTP2_NO_ERROR", Code.Internal, "reset"],
    ["NGHTTP2_INTERNAL_ERROR", Code.Internal, undefined],
    ["NGHTTP2_CANCEL", Code.Canceled, undefined],
  ] as const)
    it(`${name}: ${Code[code]}`, async () => {
      await using server = await startH2({
        onStream: (stream) => {
          stream.close(constants[name]);
          return "handled";
        },
      });
      for (const failure of await callBoth(server.address)) {
        assert.equal(failure.code, code, failure.message);
        assert.equal(brokenCall(failure)?.kind, kind);
      }
      assert.equal(server.connections(), 1);
    });
});

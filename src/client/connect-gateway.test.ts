import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { EchoServer } from "../../gen/es/echo/echo_pb.ts";
import { testTls } from "../../test/answering-server.ts";
import { startH2 } from "../../test/h2-server.ts";
import { MintError } from "../auth/mint-error.ts";
import type { IdToken, TokenSource } from "../auth/token-source.ts";
import { connectGateway } from "./connect-gateway.ts";
import { explainError } from "./explain-error.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const audience = "grpcs://grpc-gateway-1";
const nowMs = () => noonMs;

const routes = (router: ConnectRouter) =>
  router.service(EchoServer, {
    sayHello: ({ name }) => ({ message: `Hello ${name}` }),
    async *sayHelloStream({ name }) {
      yield { message: `Msg1 ${name}` };
    },
  });

/** Mints "token 1", "token 2", … and remembers for whom. */
function counting() {
  const audiences: string[] = [];
  const tokenSource: TokenSource = async (audience) => {
    audiences.push(audience);
    return { value: `token-${audiences.length}`, expiresAtMs: noonMs + 3_600_000 };
  };
  return { audiences, tokenSource };
}

describe("connectGateway", () => {
  it("puts a token for the audience on unary and streaming calls, and mints it once", async () => {
    await using server = await startH2({ routes });
    const { audiences, tokenSource } = counting();
    using gateway = connectGateway({ address: server.address, audience, tokenSource, nowMs });
    const echo = createClient(EchoServer, gateway.transport);
    await Promise.all([echo.sayHello({}), echo.sayHello({}), echo.sayHello({})]);
    await Array.fromAsync(echo.sayHelloStream({}));
    assert.deepEqual(audiences, [audience]);
    assert.deepEqual(
      server.heads.map(({ authorization }) => authorization),
      Array(4).fill("Bearer token-1"),
    );
    assert.equal(server.connections(), 1);
  });

  it("sends no token without a source", async () => {
    await using server = await startH2({ routes });
    const options = { audience: "", tokenSource: undefined, nowMs };
    using gateway = connectGateway({ ...options, address: server.address });
    await createClient(EchoServer, gateway.transport).sayHello({});
    assert.equal(server.heads[0]?.authorization, undefined);
  });

  it("checks the certificate for servername, and sends it as :authority", async () => {
    await using server = await startH2({ routes, tls: testTls });
    const options = { ...counting(), audience, ca: [testTls.cert], nowMs };
    for (const [servername, authority] of [
      ["issuer.test", "issuer.test"],
      [undefined, `127.0.0.1:${server.port}`],
    ] as const) {
      using gateway = connectGateway({ ...options, address: server.address, servername });
      await createClient(EchoServer, gateway.transport).sayHello({});
      assert.equal(server.heads.at(-1)?.[":authority"], authority);
    }
  });

  it("refuses to send a token in cleartext to another machine", () => {
    const options = { ...counting(), audience, nowMs };
    assert.throws(
      () => connectGateway({ ...options, address: "http://gateway.example:80" }),
      /in cleartext.*write https:\/\/gateway.example/,
    );
  });

  it("says which token could not be had, why, and the fix; and sends nothing", async () => {
    await using server = await startH2({ routes });
    const cause = new MintError({
      audience,
      from: "the metadata server",
      why: "down",
      fix: "Start it.",
    });
    const tokenSource = () => Promise.reject(cause);
    using gateway = connectGateway({ address: server.address, audience, tokenSource, nowMs });
    const echo = createClient(EchoServer, gateway.transport);
    for (const call of [echo.sayHello({}), Array.fromAsync(echo.sayHelloStream({}))])
      await assert.rejects(call, (error: ConnectError) => {
        assert.partialDeepStrictEqual(explainError(error), {
          hop: "client",
          reason: "TOKEN_NOT_MINTED",
          code: Code.Unauthenticated,
          fix: "Start it.",
        });
        return error instanceof ConnectError && error.message.includes("the metadata server: down");
      });
    assert.equal(server.heads.length, 0);
  });

  it("stops waiting for a token when the call is cancelled, while others go on", async () => {
    await using server = await startH2({ routes });
    const token = Promise.withResolvers<IdToken>();
    using gateway = connectGateway({
      address: server.address,
      audience,
      tokenSource: () => token.promise,
      nowMs,
    });
    const echo = createClient(EchoServer, gateway.transport);
    const stop = new AbortController();
    const impatient = echo.sayHello({}, { signal: stop.signal });
    const patient = echo.sayHello({ name: "Ada" });
    stop.abort();
    await assert.rejects(impatient, (error: ConnectError) => error.code === Code.Canceled);
    token.resolve({ value: "late", expiresAtMs: noonMs + 3_600_000 });
    assert.equal((await patient).message, "Hello Ada");
  });

  it("gives unary calls a deadline, and leaves streams theirs", async () => {
    const isOver = Promise.withResolvers<void>();
    await using server = await startH2({
      routes: (router) =>
        router.service(EchoServer, {
          sayHello: () => new Promise(() => {}),
          async *sayHelloStream() {
            await isOver.promise;
            yield { message: "slow" };
          },
        }),
    });
    const options = { audience: "", tokenSource: undefined, nowMs, unaryTimeoutMs: 30 };
    using gateway = connectGateway({ ...options, address: server.address });
    const echo = createClient(EchoServer, gateway.transport);
    const stream = Array.fromAsync(echo.sayHelloStream({}));
    const started = performance.now();
    await assert.rejects(echo.sayHello({}), (error: ConnectError) => {
      assert.partialDeepStrictEqual(explainError(error), {
        hop: "client",
        reason: "DEADLINE_EXCEEDED",
      });
      return error.code === Code.DeadlineExceeded;
    });
    assert.ok(performance.now() - started < 5_000);
    await assert.rejects(echo.sayHello({}, { timeoutMs: 5 }), /timed out/);
    isOver.resolve();
    assert.equal((await stream).length, 1);
    const timeouts = server.heads.map((head) => head["grpc-timeout"]);
    assert.deepEqual([...timeouts].sort(), ["30m", "5m", undefined]);
  });

  it("connects anew when the connection is gone", async () => {
    await using server = await startH2({ routes });
    using gateway = connectGateway({ ...counting(), address: server.address, audience, nowMs });
    const echo = createClient(EchoServer, gateway.transport);
    await echo.sayHello({});
    await server.dropConnections();
    assert.equal((await echo.sayHello({ name: "Ada" })).message, "Hello Ada");
    assert.equal(server.connections(), 2);
  });

  it("ends calls in flight with CANCELED when disposed", async () => {
    const arrived = Promise.withResolvers<void>();
    await using server = await startH2({
      onStream: () => {
        arrived.resolve();
        return "handled";
      },
    });
    const gateway = connectGateway({ ...counting(), address: server.address, audience, nowMs });
    const call = createClient(EchoServer, gateway.transport).sayHello({});
    await arrived.promise;
    gateway[Symbol.dispose]();
    await assert.rejects(call, (error: ConnectError) => error.code === Code.Canceled);
  });
});

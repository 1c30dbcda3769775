import assert from "node:assert/strict";
import { constants } from "node:http2";
import { describe, it } from "node:test";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
} from "@connectrpc/connect";
import { EchoServer } from "../../gen/es/echo/echo_pb.ts";
import { startH2 } from "../../test/h2-server.ts";
import { type BreakKind, BrokenCall } from "./broken-call.ts";
import { connectGateway } from "./connect-gateway.ts";
import { retryInterceptor } from "./retry.ts";

const routes = (router: Parameters<Parameters<typeof createRouterTransport>[0]>[0]) =>
  router.service(EchoServer, {
    sayHello: ({ name }) => ({ message: `Hello ${name}` }),
    async *sayHelloStream({ name }) {
      yield { message: `Msg1 ${name}` };
    },
  });

const broken = (kind: BreakKind) =>
  new ConnectError("broken", Code.Unavailable, undefined, undefined, new BrokenCall(kind, "X", ""));
const unavailable = new ConnectError("try later", Code.Unavailable);

/** A transport whose first tries fail so, and how often it was tried. */
function failing(faults: readonly ConnectError[], tries?: number) {
  const seen = { tries: 0 };
  const fail: Interceptor = (next) => (req) => {
    const fault = faults[seen.tries++];
    return fault === undefined ? next(req) : Promise.reject(fault);
  };
  const retry = retryInterceptor({ tries, random: () => 0 });
  const transport = createRouterTransport(routes, { transport: { interceptors: [retry, fail] } });
  return { transport, seen, echo: createClient(EchoServer, transport) };
}

describe("retryInterceptor", () => {
  for (const kind of ["connect", "refused"] as const)
    it(`tries again what the other side cannot have seen: ${kind}`, async () => {
      const unary = failing([broken(kind), broken(kind)]);
      assert.equal((await unary.echo.sayHello({ name: "Ada" })).message, "Hello Ada");
      assert.equal(unary.seen.tries, 3);
      const stream = failing([broken(kind), broken(kind)]);
      const replies = await Array.fromAsync(stream.echo.sayHelloStream({ name: "Ada" }));
      assert.deepEqual(
        replies.map(({ message }) => message),
        ["Msg1 Ada"],
      );
      assert.equal(stream.seen.tries, 3);
    });

  it("gives up after three tries, or as many as it is told", async () => {
    for (const [told, tries] of [
      [undefined, 3],
      [1, 1],
      [5, 5],
    ] as const) {
      const { echo, seen } = failing(Array(9).fill(broken("connect")), told);
      await assert.rejects(echo.sayHello({}), /broken/);
      assert.equal(seen.tries, tries);
    }
  });

  it("does not repeat a call that may have been served", async () => {
    for (const fault of [broken("lost"), broken("reset"), unavailable]) {
      const { echo, seen } = failing([fault]);
      await assert.rejects(echo.sayHello({}));
      assert.equal(seen.tries, 1);
    }
  });

  it("repeats UNAVAILABLE where the proto says that a call may happen twice, and nothing else", async () => {
    const repeatable = { ...EchoServer.method.sayHello, idempotency: Idempotency.IDEMPOTENT };
    for (const [fault, tries] of [
      [unavailable, 2],
      [broken("lost"), 2],
      [new ConnectError("no", Code.Internal), 1],
      [new ConnectError("no", Code.DeadlineExceeded), 1],
    ] as const) {
      const { transport, seen } = failing([fault]);
      const call = transport.unary(repeatable, undefined, undefined, undefined, { name: "Ada" });
      await call.catch((error: unknown) => assert.equal(error, fault));
      assert.equal(seen.tries, tries);
    }
  });

  it("does not try again when the caller has cancelled", async () => {
    const stop = new AbortController();
    const seen = { tries: 0 };
    const fail: Interceptor = () => () => {
      seen.tries++;
      stop.abort();
      return Promise.reject(broken("connect"));
    };
    const retry = retryInterceptor({ random: () => 0 });
    const transport = createRouterTransport(routes, { transport: { interceptors: [retry, fail] } });
    const call = createClient(EchoServer, transport).sayHello({}, { signal: stop.signal });
    await assert.rejects(call, (error: ConnectError) => error.code === Code.Canceled);
    assert.equal(seen.tries, 1);
  });

  it("stops waiting for the next try when the deadline passes", async () => {
    const fail: Interceptor = () => () => Promise.reject(broken("connect"));
    const retry = retryInterceptor({ tries: 20, random: () => 0.99 });
    const transport = createRouterTransport(routes, { transport: { interceptors: [retry, fail] } });
    const call = createClient(EchoServer, transport).sayHello({}, { timeoutMs: 30 });
    await assert.rejects(call, (error: ConnectError) => error.code === Code.DeadlineExceeded);
  });

  it("sends a refused call again on the wire, its message included", async () => {
    await using server = await startH2({
      routes,
      onStream: (stream, n) => {
        if (n % 2 === 0) return undefined;
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return "handled";
      },
    });
    using gateway = connectGateway({
      address: server.address,
      audience: "",
      tokenSource: undefined,
      nowMs: () => 0,
      random: () => 0,
    });
    const echo = createClient(EchoServer, gateway.transport);
    assert.equal((await echo.sayHello({ name: "Ada" })).message, "Hello Ada");
    const replies = await Array.fromAsync(echo.sayHelloStream({ name: "Ada" }));
    assert.deepEqual(
      replies.map(({ message }) => message),
      ["Msg1 Ada"],
    );
    assert.equal(server.heads.length, 4);
  });
});

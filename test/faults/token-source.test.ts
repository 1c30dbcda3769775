import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { metadataTokens } from "../../src/auth/metadata-tokens.ts";
import type { RunningGateway } from "../../src/gateway/options.ts";
import { startGateway } from "../../src/gateway/serve.ts";
import { type Answer as Respond, startAnswering } from "../answering-server.ts";
import { assertRefused, loadModel } from "../gateway-in-the-middle.ts";
import { Backend, RawClient } from "../raw-http2.ts";
import { googleClaims, TokenMaker } from "../token-maker.ts";
import { SteadyCalls } from "./steady-calls.ts";
import { assertAnswered } from "./two-services.ts";

const RUN_URL = "https://run.example.test";
const path = "/echo.EchoServer/SayHello";
const maker = new TokenMaker();

/** SayHello goes on with the gateway's own token, SayHelloStream with none. */
const config = `
type: google.api.Service
config_version: 3
name: echo.apigateway.test.cloud.goog
apis: [{ name: echo.EchoServer }]
usage:
  rules: [{ selector: "*", allow_unregistered_calls: true }]
backend:
  rules:
    - { selector: echo.EchoServer.SayHello, address: "grpc://$BACKEND", jwt_audience: "${RUN_URL}" }
    - { selector: echo.EchoServer.SayHelloStream, address: "grpc://$BACKEND", disable_auth: true }
`;

/** A good answer: a token for the audience asked for, made now. */
const mints: Respond = () => {
  return maker.mint(googleClaims(Date.now(), RUN_URL, "gateway-sa@example.test"));
};
const mintsFor =
  (change: () => Record<string, unknown>): Respond =>
  () =>
    maker.mint({ ...googleClaims(Date.now(), RUN_URL), ...change() });
const says =
  (body: string, status = 200): Respond =>
  (_request, response) => {
    response.statusCode = status;
    return body;
  };

/** Beside a metadata server that does what `source.answer` says, a gateway that has its tokens from there. */
async function start(t: TestContext, answer: Respond) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
  const source = { answer };
  await using running = new AsyncDisposableStack();
  const metadata = running.use(await startAnswering((...asked) => source.answer(...asked)));
  const backend = running.use(new Backend());
  const model = loadModel(config, { BACKEND: `127.0.0.1:${await backend.listen()}` });
  const log: string[] = [];
  const starting = startGateway({
    model,
    port: 0,
    nowMs: () => Date.now(),
    backendTokens: metadataTokens({ host: metadata.url.host }),
    log: (severity, message) => log.push(`${severity} ${message}`),
  });
  running.defer(async () => (await starting)[Symbol.asyncDispose]());
  const stack = running.move();
  return {
    source,
    metadata,
    backend,
    log,
    starting,
    pass: (seconds: number) => t.mock.timers.tick(seconds * 1000),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A client of that gateway, and one beside that needs no token of the gateway. */
async function clientsOf(gateway: RunningGateway) {
  await using running = new AsyncDisposableStack();
  const client = running.use(new RawClient(gateway.url));
  const headers = { ":path": "/echo.EchoServer/SayHelloStream" };
  const beside = running.use(await SteadyCalls.start(gateway.url, headers));
  const stack = running.move();
  return {
    beside,
    call: () => client.call({ ":path": path }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const lies: readonly (readonly [what: string, answer: Respond, says: RegExp])[] = [
  [
    "a token for another audience",
    mintsFor(() => ({ aud: "https://other.test" })),
    /for "https:\/\/other\.test"/,
  ],
  [
    "a token that has expired",
    mintsFor(() => ({ exp: Math.floor(Date.now() / 1000) - 5 })),
    /expired \d+ s ago/,
  ],
  ["a token that never expires", mintsFor(() => ({ exp: undefined })), /never expires/],
  ["CR, LF and another header", says("a.b.c\r\nx-admin: yes"), /no token/],
  ["a page of HTML", says("<html>sign in</html>"), /no ID token|no token/],
  ["nothing", says(""), /no token/],
  ["a mebibyte and more", says("a".repeat(1_100_000)), /larger than/],
  ["an error", says("no such account", 404), /it answered 404/],
  ["a connection that breaks", (_request, response) => void response.destroy(), /socket hang up/],
];

const LATE = /no answer within 30000 ms|timeout/;

describe("a source of the gateway's own tokens that fails", () => {
  for (const [what, answer, words] of lies)
    it(`TK-6: ${what}, at start: nothing listens until a token is there; it says why, once`, async (t) => {
      await using faulty = await start(t, answer);
      const { source, metadata, log, starting, pass } = faulty;
      let isListening = false;
      void starting.then(() => {
        isListening = true;
      });
      while (metadata.requests.length < 3) {
        await turn();
        pass(1);
      }
      assert.equal(isListening, false);
      assert.equal(log.length, 1);
      assert.match(log.join(), words);
      source.answer = mints;
      while (!isListening) {
        await turn();
        pass(1);
      }
      await using clients = await clientsOf(await starting);
      assertAnswered(await clients.call());
      await clients.beside.goesOn();
    });

  for (const [what, answer, words] of [
    ...lies,
    ["no answer at all", () => undefined, LATE] as const,
  ])
    it(`TK-5: ${what}, later: the old token stays in use until it expires, then 500 / 2; then all is well again`, async (t) => {
      await using faulty = await start(t, mints);
      const { source, backend, metadata, log, starting, pass } = faulty;
      await using clients = await clientsOf(await starting);
      assertAnswered(await clients.call());
      const good = backend.calls.findLast(({ headers }) => headers[":path"] === path)?.headers;
      source.answer = answer;
      // Until it is due, in the steps of the gateway's own looks at the clock.
      for (let passed = 0; passed < 3540; passed += 30) {
        pass(30);
        await turn();
      }
      while (metadata.requests.length < 2) await turn();
      if (words === LATE) pass(30);
      while (log.length === 0) await turn();
      assert.match(log.join(), words);
      assertAnswered(await clients.call());
      const seen = backend.calls.findLast(({ headers }) => headers[":path"] === path)?.headers;
      assert.equal(seen?.authorization, good?.authorization);
      pass(60);
      const late = await clients.call();
      assertRefused(late, 2, 500, `Token not found for audience: ${RUN_URL}`);
      await clients.beside.goesOn();
      source.answer = mints;
      let answered = late;
      while (answered.trailers["grpc-status"] !== "0") {
        pass(2);
        answered = await clients.call();
      }
      await clients.beside.goesOn();
    });

  it("an end that is wanted comes while no token could be had yet", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const asked = Promise.withResolvers<void>();
    await using metadata = await startAnswering(() => {
      asked.resolve();
      return undefined;
    });
    const stop = new AbortController();
    const starting = startGateway({
      model: loadModel(config, { BACKEND: "127.0.0.1:1" }),
      port: 0,
      nowMs: Date.now,
      backendTokens: metadataTokens({ host: metadata.url.host }),
      signal: stop.signal,
    });
    await asked.promise;
    stop.abort();
    await assert.rejects(starting, { name: "AbortError" });
  });
});

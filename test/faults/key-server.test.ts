import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startGateway } from "../../src/gateway/serve.ts";
import { type Answer as Respond, startAnswering } from "../answering-server.ts";
import { assertRefused, loadModel, walkthroughConfig } from "../gateway-in-the-middle.ts";
import type { Answer } from "../raw-http2.ts";
import { TokenMaker } from "../token-maker.ts";
import { bearerOf, TwoIssuers } from "./two-issuers.ts";
import { assertAnswered } from "./two-services.ts";

const well = new TokenMaker("well");
const first = new TokenMaker("first");
const second = new TokenMaker("second");
/** The same name as `first`, another key. */
const impostor = new TokenMaker("first");

const FETCH_FAILED = "Jwks remote fetch is failed";
const NO_SUCH_KEY = "Jwks doesn't have key to match kid or alg from Jwt";

/** Both keys in one set, as an issuer publishes them while it rotates. */
function bothJwks(...makers: readonly TokenMaker[]): string {
  return JSON.stringify({ keys: makers.flatMap(({ jwks }) => JSON.parse(jwks).keys) });
}

const hangs: Respond = () => undefined;
const says =
  (body: string, status = 200): Respond =>
  (_request, response) => {
    response.statusCode = status;
    return body;
  };

/** A gateway whose clock and timers are the test's; `issuer.answer` is what the key server does from then on. */
async function start(t: TestContext, answer: Respond) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
  const issuer = { answer };
  await using running = new AsyncDisposableStack();
  const server = running.use(await startAnswering((...asked) => issuer.answer(...asked)));
  const wellServer = running.use(await startAnswering(says(well.jwks)));
  const two = running.use(
    await TwoIssuers.start({
      keysUrl: server.url,
      well: { keysUrl: wellServer.url, maker: well },
      nowMs: () => Date.now(),
    }),
  );
  const stack = running.move();
  return {
    two,
    issuer,
    server,
    /** Time passes, in the steps of the gateway's own looks at the clock. */
    async pass(seconds: number) {
      for (let left = seconds; left > 0; left -= 10) {
        t.mock.timers.tick(Math.min(left, 10) * 1000);
        await two.beside.goesOn();
      }
    },
    /** Calls until the answer is so: the gateway has taken note of what the issuer did. */
    async callUntil(authorization: string, isSo: (answer: Answer) => boolean): Promise<void> {
      while (!isSo(await two.call(authorization)));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const isAnswered = ({ trailers }: Answer) => trailers["grpc-status"] === "0";
const isRefused = ({ headers }: Answer) => headers["grpc-status"] === "16";

describe("an issuer that fails", () => {
  it("JK-2, JK-3: down at start: only calls that need its keys are refused, and no fetch a call; back again: they pass", async (t) => {
    await using faulty = await start(t, says("", 503));
    const { two, issuer, server } = faulty;
    for (let nth = 0; nth < 20; nth++)
      assertRefused(await two.call(bearerOf(first)), 16, 401, FETCH_FAILED);
    assert.equal(server.requests.length, 1);
    await faulty.pass(1);
    await Promise.all(Array.from({ length: 20 }, () => two.call(bearerOf(first))));
    assert.ok(server.requests.length <= 3, `${server.requests.length} fetches for 20 calls`);
    issuer.answer = says(first.jwks);
    await faulty.pass(1);
    assertAnswered(await two.call(bearerOf(first)));
    await two.beside.goesOn();
  });

  it("hangs at start: the gateway gives up on it and listens", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const asked = Promise.withResolvers<void>();
    await using server = await startAnswering(() => {
      asked.resolve();
      return undefined;
    });
    const model = loadModel(walkthroughConfig, { BACKEND: "127.0.0.1:1", JWKS: server.url.href });
    const log: string[] = [];
    const starting = startGateway({
      model,
      port: 0,
      nowMs: Date.now,
      log: (_severity, message) => log.push(message),
    });
    await asked.promise;
    t.mock.timers.tick(30_000);
    await using _gateway = await starting;
    assert.match(log.join(), /no answer within 30000 ms/);
  });

  it("hangs, or dies, later: the old keys stay in use, and no call waits", async (t) => {
    await using faulty = await start(t, says(first.jwks));
    const { two, issuer, server } = faulty;
    assertAnswered(await two.call(bearerOf(first)));
    for (const answer of [hangs, dies]) {
      issuer.answer = answer;
      const before = server.requests.length;
      await faulty.pass(400);
      assert.ok(server.requests.length > before);
      // Also a token that was not seen before.
      assertAnswered(await two.call(bearerOf(first, { jti: `${before}` })));
      await two.beside.goesOn();
    }
    assert.ok(two.log.some((line) => /the old ones stay in use$/.test(line)));
  });

  for (const [what, answer] of [
    ["a page of HTML", says("<html>sign in</html>")],
    ["an error in JSON", says('{"error":{"code":503}}')],
    ["no keys", says('{"keys":[]}')],
    ["only keys it cannot use", says('{"keys":[{"kty":"RSA","kid":"first","use":"enc"}]}')],
    [
      "the same name twice",
      says(`{"keys":[],"keys":${JSON.stringify(JSON.parse(impostor.jwks).keys)}}`),
    ],
    ["a mebibyte and more", says(`{"keys":[],"x":"${"y".repeat(1_100_000)}"}`)],
    ["data without end", pours],
    ["five hundred", says(impostor.jwks, 500)],
    ["nothing new (304)", says("", 304)],
    ["a way elsewhere", redirects],
  ] as const)
    it(`lies: ${what}: the old keys stay in use`, async (t) => {
      await using faulty = await start(t, says(first.jwks));
      const { two, issuer, server } = faulty;
      assertAnswered(await two.call(bearerOf(first)));
      issuer.answer = answer;
      await faulty.pass(310);
      while (!two.log.some((line) => /the old ones stay in use$/.test(line)))
        await two.beside.goesOn();
      assert.ok(server.requests.length >= 2);
      assertAnswered(await two.call(bearerOf(first, { jti: "new" })));
      assertRefused(await two.call(bearerOf(impostor)), 16, 401, "Jwt verification fails");
      await two.beside.goesOn();
    });

  it("lies: other keys under the same names: from then on they count, and a token seen before does not", async (t) => {
    await using faulty = await start(t, says(first.jwks));
    const { two, issuer } = faulty;
    const seen = bearerOf(first);
    for (let nth = 0; nth < 3; nth++) assertAnswered(await two.call(seen));
    issuer.answer = says(impostor.jwks);
    await faulty.pass(310);
    await faulty.callUntil(seen, isRefused);
    assertRefused(await two.call(seen), 16, 401, "Jwt verification fails");
    await two.beside.goesOn();
  });

  it("rotates, publishing before it signs: no call is lost; a key that is withdrawn counts no more", async (t) => {
    await using faulty = await start(t, says(first.jwks));
    const { two, issuer } = faulty;
    const old = bearerOf(first);
    assertAnswered(await two.call(old));
    issuer.answer = says(bothJwks(first, second));
    await faulty.pass(310);
    await faulty.callUntil(bearerOf(second), isAnswered);
    assertAnswered(await two.call(old));
    issuer.answer = says(second.jwks);
    await faulty.pass(310);
    await faulty.callUntil(old, isRefused);
    assertRefused(await two.call(old), 16, 401, NO_SUCH_KEY);
    assertAnswered(await two.call(bearerOf(second)));
    await two.beside.goesOn();
  });

  it("key ids that nobody knows start no fetch", async (t) => {
    await using faulty = await start(t, says(first.jwks));
    const { two, server } = faulty;
    for (let nth = 0; nth < 50; nth++) {
      const answer = await two.call(bearerOf(first, {}, { kid: `kid-${nth}` }));
      assertRefused(answer, 16, 401, NO_SUCH_KEY);
    }
    assert.equal(server.requests.length, 1);
    await two.beside.goesOn();
  });
});

function dies(...[, response]: Parameters<Respond>): undefined {
  response.writeHead(200, { "content-length": "1000" });
  response.write('{"keys":[', () => response.destroy());
}

function pours(...[, response]: Parameters<Respond>): undefined {
  response.on("error", () => {});
  const pour = () => {
    if (!response.destroyed) response.write("x".repeat(65_536), () => setImmediate(pour));
  };
  pour();
}

function redirects(...[, response]: Parameters<Respond>): string {
  response.writeHead(302, { location: "/elsewhere" });
  return "";
}

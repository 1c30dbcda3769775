import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callpathEngine } from "../../src/http2/engine.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";
import { assertRefused, Middle, type MiddleOptions } from "../gateway-in-the-middle.ts";
import {
  attacks,
  byAttacker,
  claims,
  FAILS,
  good,
  keys,
  numbered,
  RS256,
} from "./attack-tokens.ts";
import { SteadyCalls } from "./steady-calls.ts";
import { assertAnswered } from "./two-services.ts";

const path = "/echo.EchoServer/SayHello";
for (const engine of [callpathEngine, nodeEngine]) {
  const start = (options: MiddleOptions = {}) => Middle.start({ engine, keys, ...options });
  const beside = (middle: Middle) =>
    SteadyCalls.start(middle.gateway.url, {
      ":path": "/echo.EchoServer/SayHelloStream",
      authorization: `Bearer ${good}`,
    });
  const seenOf = ({ backend }: Middle) =>
    backend.calls.filter(({ headers }) => headers[":path"]?.startsWith(path) === true).length -
    backend.calls.filter(({ headers }) => headers[":path"]?.startsWith(`${path}Stream`)).length;

  describe(`tokens that attack, ${engine.name} engine`, () => {
    it("each is refused in Envoy's words, twice; the service sees none, the client beside loses nothing", async () => {
      await using middle = await start();
      await using calls = await beside(middle);
      for (const [what, token, says] of attacks)
        for (const time of ["first", "second"])
          await assert.doesNotReject(async () => {
            const answer = await middle.client.call({
              ":path": path,
              authorization: `Bearer ${token}`,
            });
            assertRefused(answer, 16, 401, says);
          }, `${what}, ${time} time`);
      assert.equal(seenOf(middle), 0);
      await calls.goesOn();
    });

    it("AP-10: a bad token beside a good one is refused, in every place a token may be", async () => {
      await using middle = await start();
      await using calls = await beside(middle);
      const bad = byAttacker(RS256);
      const places = (one: string, other: string) => [
        { ":path": path, authorization: `Bearer ${one}`, "x-goog-iap-jwt-assertion": other },
        { ":path": `${path}?access_token=${one}`, authorization: `Bearer ${other}` },
        { ":path": `${path}?access_token=${one}`, "x-goog-iap-jwt-assertion": other },
        { ":path": path, "x-goog-iap-jwt-assertion": [one, other] },
      ];
      for (const headers of [...places(good, bad), ...places(bad, good)])
        assertRefused(await middle.client.call(headers), 16, 401, FAILS);
      assert.equal(seenOf(middle), 0);
      for (const headers of places(good, good)) assertAnswered(await middle.client.call(headers));
      await calls.goesOn();
    });

    it("a token of 40 KB and one with 900 claims are checked like others", async () => {
      await using middle = await start();
      for (const more of [{ big: "x".repeat(30_000) }, numbered(900)]) {
        const token = keys.mint(claims(more));
        const call = (value: string) =>
          middle.client.call({ ":path": path, authorization: `Bearer ${value}` });
        assertAnswered(await call(token));
        assertRefused(await call(`${token.slice(0, -6)}AAAAAA`), 16, 401, FAILS);
        assertAnswered(await call(token));
      }
    });
  });
}

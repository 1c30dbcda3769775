import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callpathEngine } from "../../src/http2/engine.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";
import type { TrafficEvent } from "../../src/rejection/traffic.ts";
import { assertRefused, Middle } from "../gateway-in-the-middle.ts";
import { type Answer, echoBack } from "../raw-http2.ts";
import { googleClaims, TokenMaker } from "../token-maker.ts";
import { assertAnswered } from "./two-services.ts";

const path = "/echo.EchoServer/SayHello";
const keys = new TokenMaker();
const DAY_MS = 24 * 3_600_000;

for (const engine of [callpathEngine, nodeEngine]) {
  /** A gateway whose clock is off by `clock.offMs`; its own tokens live an hour by that clock. */
  async function start() {
    const clock = { offMs: 0 };
    const nowMs = () => Date.now() + clock.offMs;
    const events: TrafficEvent[] = [];
    let minted = 0;
    const middle = await Middle.start({
      engine,
      keys,
      nowMs,
      tokens: async () => ({ value: `own-${++minted}`, expiresAtMs: nowMs() + 3_600_000 }),
      onTraffic: (event) => events.push(event),
    });
    const call = (authorization: string): Promise<Answer> =>
      middle.client.call({ ":path": path, authorization });
    /** A caller's token that lives an hour from the gateway's now. */
    const token = () => `Bearer ${keys.mint(googleClaims(nowMs(), "grpcs://grpc-gateway-1"))}`;
    return {
      middle,
      clock,
      events,
      call,
      token,
      minted: () => minted,
      [Symbol.asyncDispose]: () => middle[Symbol.asyncDispose](),
    };
  }

  describe(`a clock that jumps, ${engine.name} engine`, () => {
    it("a day ahead: a token that was good a call ago is refused, and good again when the clock is back", async () => {
      await using jumping = await start();
      const { clock, call, token } = jumping;
      const early = token();
      assertAnswered(await call(early));
      clock.offMs = DAY_MS;
      assertRefused(await call(early), 16, 401, "Jwt is expired");
      clock.offMs = 0;
      assertAnswered(await call(early));
    });

    it("a day back: a token of tomorrow is refused by its nbf only, as before (JV-2)", async () => {
      await using jumping = await start();
      const { clock, call, token } = jumping;
      const now = token();
      const notBefore = `Bearer ${keys.mint({
        ...googleClaims(Date.now(), "grpcs://grpc-gateway-1"),
        nbf: Math.floor(Date.now() / 1000),
      })}`;
      assertAnswered(await call(notBefore));
      clock.offMs = -DAY_MS;
      assertAnswered(await call(now));
      assertRefused(await call(notBefore), 16, 401, "Jwt not yet valid");
      clock.offMs = 0;
      assertAnswered(await call(notBefore));
    });

    it("a day ahead: the gateway's own token is never sent after its end; a new one comes at once", async () => {
      await using jumping = await start();
      const { middle, clock, call, token, minted } = jumping;
      assertAnswered(await call(token()));
      clock.offMs = DAY_MS;
      const fresh = token();
      const first = await call(fresh);
      assertRefused(first, 2, 500, "Token not found for audience: https://run.example.test");
      assertAnswered(await call(fresh));
      assert.equal(minted(), 2);
      assert.equal(middle.backend.calls.at(-1)?.headers.authorization, "Bearer own-2");
    });

    for (const [way, offMs] of [
      ["ahead", DAY_MS],
      ["back", -DAY_MS],
    ] as const)
      it(`a day ${way} while a call is on its way: it ends as it would have, and no event lasts less than nothing`, async () => {
        await using jumping = await start();
        const { middle, clock, call, token, events } = jumping;
        const arrived = Promise.withResolvers<() => void>();
        middle.backend.onCall = (stream, body) => arrived.resolve(() => echoBack(stream, body));
        const held = call(token());
        const finish = await arrived.promise;
        clock.offMs = offMs;
        middle.backend.onCall = echoBack;
        // Others come and go meanwhile: the timers have had their turn.
        for (let nth = 0; nth < 10; nth++) await call(token());
        finish();
        assertAnswered(await held);
        for (const { durationMs } of events) assert.ok(durationMs >= 0, `${durationMs} ms`);
      });
  });
}

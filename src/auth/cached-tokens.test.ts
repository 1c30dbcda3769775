import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cachedTokens, maxAudiences } from "./cached-tokens.ts";
import { MintError } from "./mint-error.ts";
import type { IdToken, TokenSource } from "./token-source.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const minuteMs = 60_000;

/** A source whose answers the test gives, and a clock the test moves. */
function setUp(options: { random?: number; lifeMs?: number } = {}) {
  const { random = 0, lifeMs = 60 * minuteMs } = options;
  const clock = { nowMs: noonMs };
  const asked: { audience: string; answer: PromiseWithResolvers<IdToken>; signal?: AbortSignal }[] =
    [];
  let count = 0;
  let isManual = false;
  let fault: Error | undefined;
  const mint: TokenSource = (audience, signal) => {
    const answer = Promise.withResolvers<IdToken>();
    asked.push({ audience, answer, ...(signal && { signal }) });
    if (fault !== undefined) answer.reject(fault);
    else if (!isManual)
      answer.resolve({ value: `token ${++count}`, expiresAtMs: clock.nowMs + lifeMs });
    return answer.promise;
  };
  const tokens = cachedTokens(mint, { nowMs: () => clock.nowMs, random: () => random });
  return {
    tokens,
    clock,
    asked,
    byHand() {
      isManual = true;
    },
    failWith(error: Error | undefined) {
      fault = error;
    },
    value: async (audience = "a") => (await tokens(audience)).value,
    [Symbol.dispose]: tokens[Symbol.dispose],
  };
}

/** Lets everything that is ready run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));
const down = (isTransient = false) =>
  new MintError({ audience: "a", from: "x", why: "down", fix: "Start it.", isTransient });

describe("cachedTokens", () => {
  it("has one mint in flight for an audience, however many callers wait", async () => {
    using t = setUp();
    t.byHand();
    const calls = Array.from({ length: 50 }, () => t.tokens("a"));
    await settled();
    assert.equal(t.asked.length, 1);
    t.asked[0]?.answer.resolve({ value: "one", expiresAtMs: noonMs + minuteMs });
    assert.equal(new Set((await Promise.all(calls)).map(({ value }) => value)).size, 1);
  });

  it("reuses the token, one for each audience", async () => {
    using t = setUp();
    assert.equal(await t.value("a"), "token 1");
    assert.equal(await t.value("b"), "token 2");
    assert.equal(await t.value("a"), "token 1");
    assert.equal(t.asked.length, 2);
  });

  it("renews in the background from five minutes before the end, and gives out the old one meanwhile", async () => {
    using t = setUp();
    await t.value();
    t.clock.nowMs += 55 * minuteMs - 1;
    assert.equal(await t.value(), "token 1");
    assert.equal(t.asked.length, 1);
    t.clock.nowMs += 1;
    t.byHand();
    assert.equal(await t.value(), "token 1");
    assert.equal(await t.value(), "token 1");
    assert.equal(t.asked.length, 2);
    t.asked[1]?.answer.resolve({ value: "new", expiresAtMs: t.clock.nowMs + 60 * minuteMs });
    await settled();
    assert.equal(await t.value(), "new");
  });

  it("spreads renewals over five more minutes by chance", async () => {
    using t = setUp({ random: 0.9 });
    await t.value();
    t.clock.nowMs += 50.5 * minuteMs;
    await t.value();
    assert.equal(t.asked.length, 2);
  });

  it("keeps a token that lives for seconds for most of its life", async () => {
    using t = setUp({ lifeMs: 20_000 });
    await t.value();
    t.clock.nowMs += 14_000;
    assert.equal(await t.value(), "token 1");
    assert.equal(t.asked.length, 1);
  });

  it("gives out the old token until it ends while renewals fail, then says why there is none", async () => {
    using t = setUp();
    await t.value();
    t.failWith(down());
    t.clock.nowMs += 56 * minuteMs;
    assert.equal(await t.value(), "token 1");
    await settled();
    t.clock.nowMs += 3.8 * minuteMs;
    assert.equal(await t.value(), "token 1");
    await settled();
    t.clock.nowMs += minuteMs;
    await assert.rejects(t.value(), /down\. Start it\./);
  });

  it("asks at most after 1, 2, 4 … 60 s while mints fail, and fails at once in between", async () => {
    using t = setUp();
    t.failWith(down());
    await assert.rejects(t.value(), /down/);
    await assert.rejects(t.value(), /down.*not asked again for another 1 s/);
    assert.equal(t.asked.length, 1);
    for (const [waitMs, asked] of [
      [999, 1],
      [1, 2],
      [1_999, 2],
      [1, 3],
      [60_000, 4],
      [600_000, 5],
      [600_000, 6],
      [600_000, 7],
      [59_999, 7],
      [1, 8],
    ] as const) {
      t.clock.nowMs += waitMs;
      await assert.rejects(t.value());
      assert.equal(t.asked.length, asked, `after another ${waitMs} ms`);
    }
  });

  it("forgets failures with the first success", async () => {
    using t = setUp();
    t.failWith(down());
    await assert.rejects(t.value());
    t.failWith(undefined);
    t.clock.nowMs += 1_000;
    assert.equal(await t.value(), "token 1");
    assert.equal(await t.value(), "token 1");
  });

  it("tries three times at once where the fault may pass and no token is left", async () => {
    using t = setUp();
    t.failWith(down(true));
    await assert.rejects(t.value(), /down/);
    assert.equal(t.asked.length, 3);
  });

  it("leaves the others waiting when one caller aborts", async () => {
    using t = setUp();
    t.byHand();
    const stop = new AbortController();
    const impatient = t.tokens("a", stop.signal);
    const patient = t.tokens("a");
    stop.abort(new Error("gave up"));
    await assert.rejects(impatient, /gave up/);
    assert.equal(t.asked[0]?.signal?.aborted, false);
    t.asked[0]?.answer.resolve({ value: "there", expiresAtMs: noonMs + minuteMs });
    assert.equal((await patient).value, "there");
  });

  it("asks nobody for a caller that has aborted already", async () => {
    using t = setUp();
    await assert.rejects(t.tokens("a", AbortSignal.abort(new Error("before"))), /before/);
    assert.equal(t.asked.length, 0);
  });

  it("refuses a token that has expired already: the clock is wrong", async () => {
    using t = setUp({ lifeMs: -5_000 });
    await assert.rejects(t.value(), /expired 5 s ago\. Check this machine's clock/);
  });

  it("renews when the clock went back: the token may be older than it looks", async () => {
    using t = setUp();
    await t.value();
    t.clock.nowMs -= 120 * minuteMs;
    assert.equal(await t.value(), "token 1");
    await settled();
    assert.equal(await t.value(), "token 2");
  });

  it(`keeps the ${maxAudiences} audiences used last`, async () => {
    using t = setUp();
    for (let i = 0; i < maxAudiences; i++) await t.value(`audience ${i}`);
    await t.value("audience 0");
    await t.value("one more");
    assert.equal(t.asked.length, maxAudiences + 1);
    await t.value("audience 0");
    assert.equal(t.asked.length, maxAudiences + 1);
    await t.value("audience 1");
    assert.equal(t.asked.length, maxAudiences + 2);
  });

  it("aborts what is in flight when disposed, and mints no more", async () => {
    const t = setUp();
    t.byHand();
    const waiting = t.tokens("a");
    t[Symbol.dispose]();
    await assert.rejects(waiting, /disposed/);
    assert.equal(t.asked[0]?.signal?.aborted, true);
    await assert.rejects(t.tokens("a"), /disposed/);
    t.asked[0]?.answer.reject(new Error("ended"));
    await settled();
  });
});

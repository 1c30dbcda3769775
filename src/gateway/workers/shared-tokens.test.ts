import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sharedTokens } from "./shared-tokens.ts";

const HOUR_MS = 3_600_000;

/** Shared tokens over a source that counts what it mints. */
function start({ lifeMs = HOUR_MS, value = "token" } = {}) {
  const clock = { nowMs: 1_000_000 };
  const minted: string[] = [];
  const tokens = sharedTokens(
    async (audience) => {
      minted.push(audience);
      return { value: `${value}${minted.length}`, expiresAtMs: clock.nowMs + lifeMs };
    },
    { nowMs: () => clock.nowMs },
  );
  return { tokens, clock, minted, get: async () => (await tokens("aud")).value };
}

describe("sharedTokens", () => {
  it("mints once an audience for all who ask", async () => {
    const { tokens, minted, get } = start();
    using _ = tokens;
    assert.deepEqual(await Promise.all([get(), get()]), ["token1", "token1"]);
    await tokens("other");
    assert.equal(await get(), "token1");
    assert.deepEqual(minted, ["aud", "other"]);
  });

  it("TK-4: mints anew in the last minute of 3599 s, whatever a longer exp says", async () => {
    for (const lifeMs of [HOUR_MS, 12 * HOUR_MS]) {
      const { tokens, clock, get } = start({ lifeMs });
      using _ = tokens;
      await get();
      clock.nowMs += 3_538_999;
      assert.equal(await get(), "token1");
      clock.nowMs += 1;
      assert.equal(await get(), "token2");
    }
  });

  it("mints a short-lived token anew after two thirds of its life", async () => {
    const { tokens, clock, get } = start({ lifeMs: 30_000 });
    using _ = tokens;
    await get();
    clock.nowMs += 19_999;
    assert.equal(await get(), "token1");
    clock.nowMs += 1;
    assert.equal(await get(), "token2");
  });

  it("mints anew when the clock was set back", async () => {
    const { tokens, clock, get } = start();
    using _ = tokens;
    await get();
    clock.nowMs -= 1;
    assert.equal(await get(), "token2");
  });

  it("TK-5: does not keep what no header may hold", async () => {
    const { tokens, get } = start({ value: "no token\n" });
    using _ = tokens;
    await get();
    assert.equal(await get(), "no token\n2");
  });

  it("aborts what it is minting when it is disposed", async () => {
    const tokens = sharedTokens(
      (_audience, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(new Error("aborted")));
        }),
      { nowMs: () => 0 },
    );
    const waiting = assert.rejects(tokens("aud"), /aborted/);
    tokens[Symbol.dispose]();
    await waiting;
  });
});

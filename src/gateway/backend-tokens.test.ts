import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { BackendTokens } from "./backend-tokens.ts";

const audience = "https://run.example.test";
const field = (name: string, value: string) => ({ name, value, sensitive: false });
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Tokens whose mint is a list of answers, under a clock of the test's own. */
function tokensOf(t: TestContext, answers: (string | Error)[], lifeMs = 3_600_000) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const log: string[] = [];
  let minted = 0;
  const tokens = new BackendTokens({
    mint: async () => {
      const answer = answers[Math.min(minted++, answers.length - 1)] ?? "none";
      if (answer instanceof Error) throw answer;
      return { value: answer, expiresAtMs: Date.now() + lifeMs };
    },
    field,
    nowMs: () => Date.now(),
    log: (severity, message) => log.push(`${severity} ${message}`),
  });
  const pass = async (ms: number, stepMs = 1000) => {
    for (let past = 0; past < ms; past += stepMs) {
      t.mock.timers.tick(stepMs);
      await settled();
    }
  };
  return { tokens, log, pass, minted: () => minted };
}

describe("the gateway's own tokens", () => {
  it("TK-1, TK-4: one an audience, fetched anew 60 s before 3599 s are over", async (t) => {
    const { tokens, pass, minted } = tokensOf(t, ["one", "two"]);
    using _ = tokens;
    await tokens.keep(new Set([audience]));
    assert.equal(tokens.get(audience)?.value, "Bearer one");
    await pass(3_530_000, 10_000);
    assert.equal(minted(), 1);
    await pass(40_000, 10_000);
    assert.equal(minted(), 2);
    assert.equal(tokens.get(audience)?.value, "Bearer two");
  });

  it("TK-6: keep() resolves when the first fetch worked; TK-5: tried again every 2 s, said once", async (t) => {
    const { tokens, log, pass, minted } = tokensOf(t, [
      new Error("down"),
      new Error("down"),
      "late",
    ]);
    using _ = tokens;
    let ready = false;
    const kept = tokens.keep(new Set([audience])).then(() => {
      ready = true;
    });
    await settled();
    await pass(2000);
    assert.equal(minted(), 2);
    assert.equal(ready, false);
    await pass(2000);
    await kept;
    assert.equal(tokens.get(audience)?.value, "Bearer late");
    assert.deepEqual(log, [
      `WARNING no backend token for ${audience}: down; trying again every 2 s`,
      `INFO backend token for ${audience}: fetched again`,
    ]);
  });

  it("TK-5: while a refresh fails the old token stays in use, until it expires", async (t) => {
    const { tokens, pass } = tokensOf(t, ["old", new Error("down")]);
    using _ = tokens;
    await tokens.keep(new Set([audience]));
    await pass(3_590_000, 10_000);
    assert.equal(tokens.get(audience)?.value, "Bearer old");
    await pass(20_000, 10_000);
    assert.equal(tokens.get(audience), undefined);
  });

  it("TK-5: an answer that may not stand in a header is no token", async (t) => {
    const { tokens, log, pass } = tokensOf(t, ["a\r\nx: y", "good"]);
    using _ = tokens;
    const kept = tokens.keep(new Set([audience]));
    await settled();
    assert.equal(tokens.get(audience), undefined);
    assert.match(log[0] ?? "", /characters a header may not have/);
    await pass(2000);
    await kept;
    assert.equal(tokens.get(audience)?.value, "Bearer good");
  });

  it("a token that lives seconds is not fetched in a tight loop", async (t) => {
    const { tokens, pass, minted } = tokensOf(t, ["short"], 6000);
    using _ = tokens;
    await tokens.keep(new Set([audience]));
    await pass(60_000);
    assert.ok(minted() <= 16, `${minted()} fetches in a minute`);
  });

  it("a clock that jumps ahead: the expired token is not used, a new one comes at once", async (t) => {
    const { tokens, minted } = tokensOf(t, ["one", "two"]);
    using _ = tokens;
    await tokens.keep(new Set([audience]));
    t.mock.timers.setTime(1_000_000 + 7_200_000);
    assert.equal(tokens.get(audience), undefined);
    await settled();
    assert.ok(minted() >= 2);
    assert.equal(tokens.get(audience)?.value, "Bearer two");
  });

  it("forgets audiences that no route names any more, and leaves no timer", async (t) => {
    const { tokens, pass, minted } = tokensOf(t, ["one"]);
    await tokens.keep(new Set([audience]));
    await tokens.keep(new Set());
    assert.equal(tokens.get(audience), undefined);
    tokens[Symbol.dispose]();
    await pass(4_000_000, 100_000);
    assert.equal(minted(), 1);
  });
});

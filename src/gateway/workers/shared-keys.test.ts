import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TokenMaker } from "../../../test/token-maker.ts";
import { sharedKeys } from "./shared-keys.ts";

const url = new URL("https://keys.example.test/certs");
const { jwks } = new TokenMaker();

/** Shared keys over a server that answers what `answers` holds, the last one for ever. */
function start(...answers: readonly (string | Error)[]) {
  const clock = { nowMs: 1_000_000 };
  let fetches = 0;
  const keys = sharedKeys(
    async () => {
      const answer = answers[Math.min(fetches++, answers.length - 1)];
      if (answer instanceof Error) throw answer;
      return { text: answer ?? "", ageMs: 0 };
    },
    { nowMs: () => clock.nowMs },
  );
  return { keys, clock, get: () => keys(url), fetches: () => fetches };
}

describe("sharedKeys", () => {
  it("fetches once for all who ask together, and for who asks later says how old the document is", async () => {
    const { keys, clock, get, fetches } = start(jwks);
    using _ = keys;
    assert.deepEqual(
      await Promise.all([get(), get(), get()]),
      Array(3).fill({ text: jwks, ageMs: 0 }),
    );
    clock.nowMs += 100_000;
    assert.deepEqual(await get(), { text: jwks, ageMs: 100_000 });
    assert.equal(fetches(), 1);
  });

  it("JK-1: fetches anew after 300 s, and when the clock was set back", async () => {
    const { keys, clock, get, fetches } = start(jwks);
    using _ = keys;
    await get();
    clock.nowMs += 299_999;
    await get();
    assert.equal(fetches(), 1);
    clock.nowMs += 1;
    assert.equal((await get()).ageMs, 0);
    assert.equal(fetches(), 2);
    clock.nowMs -= 1;
    await get();
    assert.equal(fetches(), 3);
  });

  it("shares a failure with who asks within a second, and then tries again", async () => {
    const { keys, clock, get, fetches } = start(new Error("down"), jwks);
    using _ = keys;
    for (const answer of await Promise.allSettled([get(), get()]))
      assert.equal(answer.status, "rejected");
    clock.nowMs += 999;
    await assert.rejects(get(), /down/);
    assert.equal(fetches(), 1);
    clock.nowMs += 1;
    assert.equal((await get()).text, jwks);
  });

  it("does not keep a document that holds no keys", async () => {
    const { keys, get } = start("<html>", jwks);
    using _ = keys;
    assert.equal((await get()).text, "<html>");
    assert.equal((await get()).text, jwks);
  });

  it("keeps a bounded number of documents", async () => {
    const { keys, get, fetches } = start(jwks);
    using _ = keys;
    await get();
    for (let other = 0; other < 100; other++) await keys(new URL(`/${other}`, url));
    await get();
    assert.equal(fetches(), 102, "the first one was the oldest, and went");
  });
});

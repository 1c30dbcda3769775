import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startAnswering, testTls } from "../../test/answering-server.ts";
import { TokenMaker } from "../../test/token-maker.ts";
import { failedFetchCooldownMs, type RemoteKeySet, remoteKeySet } from "./remote-key-set.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const minuteMs = 60_000;

describe("remoteKeySet", () => {
  let maker: TokenMaker;
  before(() => {
    maker = new TokenMaker("key-1");
  });

  /** A key server whose answer the test sets, and a clock the test moves. */
  async function setUp() {
    const clock = { nowMs: noonMs };
    const answer = { status: 200, headers: {} as Record<string, string>, body: maker.jwks };
    let asked = Promise.withResolvers<void>();
    const server = await startAnswering((_, response) => {
      response.writeHead(answer.status, answer.headers);
      asked.resolve();
      return answer.body;
    });
    const set = remoteKeySet({ url: server.url, nowMs: () => clock.nowMs });
    return {
      clock,
      answer,
      server,
      set,
      /** Resolves when the next request has come. */
      async nextRequest() {
        asked = Promise.withResolvers();
        await asked.promise;
      },
      async [Symbol.asyncDispose]() {
        set[Symbol.dispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  }

  it("renews keys in the background when max-age less age has passed", async () => {
    await using t = await setUp();
    t.answer.headers = { "cache-control": "public, max-age=600, must-revalidate", age: "300" };
    assert.deepEqual(await kids(t.set), ["key-1"]);
    t.clock.nowMs += 5 * minuteMs - 1;
    await t.set.keys();
    assert.equal(t.server.requests.length, 1);
    t.clock.nowMs += 1;
    const requested = t.nextRequest();
    assert.deepEqual(await kids(t.set), ["key-1"]);
    await requested;
    assert.equal(t.server.requests.length, 2);
  });

  it("keeps keys for five minutes where the answer does not say, for one at least", async () => {
    for (const [headers, minutes] of [
      [{}, 5],
      [{ "cache-control": "no-store" }, 5],
      [{ "cache-control": "max-age=0" }, 1],
    ] as const) {
      await using t = await setUp();
      t.answer.headers = headers;
      await t.set.keys();
      t.clock.nowMs += minutes * minuteMs - 1;
      await t.set.keys();
      assert.equal(t.server.requests.length, 1);
      t.clock.nowMs += 1;
      const requested = t.nextRequest();
      await t.set.keys();
      await requested;
    }
  });

  it("gives the last good keys while fetching fails, for a day", async () => {
    await using t = await setUp();
    await t.set.keys();
    t.answer.status = 500;
    t.clock.nowMs += 24 * 60 * minuteMs;
    assert.deepEqual(await kids(t.set), ["key-1"]);
    t.clock.nowMs += 10 * minuteMs;
    assert.match(String(await kids(t.set)), /it answered 500/);
  });

  it("says which address gave no keys, and asks a failing one at most every 2 s", async () => {
    await using t = await setUp();
    t.answer.body = "<html>";
    const fault = String(await kids(t.set));
    assert.ok(
      fault.startsWith(`no keys from ${t.server.url}: key set is not a JSON object`),
      fault,
    );
    await t.set.keys();
    await t.set.newerKeys();
    assert.equal(t.server.requests.length, 1);
    t.answer.body = maker.jwks;
    t.clock.nowMs += failedFetchCooldownMs;
    assert.deepEqual(await kids(t.set), ["key-1"]);
  });

  it("trusts a local key server's certificate by `ca`", async () => {
    await using server = await startAnswering(() => maker.jwks, testTls);
    const options = { url: server.url, nowMs: () => noonMs };
    using distrusting = remoteKeySet(options);
    using trusting = remoteKeySet({ ...options, ca: [testTls.cert] });
    assert.match(String(await kids(distrusting)), /self-signed/);
    assert.deepEqual(await kids(trusting), ["key-1"]);
  });

  it("ends a fetch that hangs when disposed, and fetches no more", async () => {
    const asked = Promise.withResolvers<void>();
    await using server = await startAnswering(() => {
      asked.resolve();
      return undefined;
    });
    const set = remoteKeySet({ url: server.url, nowMs: () => noonMs });
    const keys = set.keys();
    await asked.promise;
    set[Symbol.dispose]();
    assert.match(JSON.stringify(await keys), /disposed/);
    await set.keys();
    assert.equal(server.requests.length, 1);
  });
});

async function kids(set: RemoteKeySet): Promise<string | (string | undefined)[]> {
  const keys = await set.keys();
  return "fault" in keys ? keys.fault : keys.keys.map(({ kid }) => kid);
}

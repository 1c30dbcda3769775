import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyServer, loadModel, walkthroughConfig } from "../../test/gateway-in-the-middle.ts";
import { TokenMaker } from "../../test/token-maker.ts";
import type { JwtProvider } from "../config/model.ts";
import { keyServers } from "./fetch-keys.ts";
import { KeySets } from "./key-sets.ts";

const keys = new TokenMaker();

/** Key sets over a real key server, under a clock of the test's own. */
async function start(server: KeyServer) {
  const jwks = await server.listen();
  const model = loadModel(walkthroughConfig, { BACKEND: "127.0.0.1:1", JWKS: jwks });
  const provider = model.providers.get("google_id_token") as JwtProvider;
  const clock = { nowMs: 1_000_000 };
  const log: string[] = [];
  const sets = new KeySets({
    fetchKeys: keyServers({ ca: [], resolve: new Map() }),
    nowMs: () => clock.nowMs,
    log: (severity, message) => log.push(`${severity} ${message}`),
  });
  return { sets, provider, clock, log };
}

describe("the key sets of the model's providers", () => {
  it("JK-2: fetched at start, one fetch an address; the same text stays the same keys", async () => {
    await using server = new KeyServer(keys.pemMap);
    const { sets, provider } = await start(server);
    using _ = sets;
    await sets.keep([provider, provider]);
    assert.equal(server.fetches, 1);
    const first = sets.keysOf(provider);
    await sets.fetch(provider);
    assert.equal(sets.keysOf(provider), first, "AP-5: what was checked with them stays checked");
    server.answer = { status: 200, body: new TokenMaker("other").jwks };
    await sets.fetch(provider);
    assert.notEqual(sets.keysOf(provider), first);
  });

  it("JK-3: without keys a call asks for one fetch, which all share, and none within the cooldown", async () => {
    await using server = new KeyServer("nothing");
    server.answer = { status: 503, body: "" };
    const { sets, provider, clock } = await start(server);
    using _ = sets;
    await sets.keep([provider]);
    assert.deepEqual(sets.keysOf(provider), { fault: "Jwks remote fetch is failed" });
    clock.nowMs += 1000;
    assert.equal(sets.keysOf(provider), undefined);
    await Promise.all([sets.fetch(provider), sets.fetch(provider)]);
    assert.equal(server.fetches, 2);
    server.answer = { status: 200, body: keys.jwks };
    clock.nowMs += 1000;
    await sets.fetch(provider);
    assert.ok("keys" in (sets.keysOf(provider) ?? {}));
  });

  for (const [what, answer] of [
    ["a status other than 200", { status: 500, body: "" }],
    ["no JSON", { status: 200, body: "<html>" }],
    ["more than a mebibyte", { status: 200, body: `{"keys":[],"x":"${"y".repeat(1_100_000)}"}` }],
  ] as const)
    it(`old keys stay in use while a refresh brings ${what}`, async () => {
      await using server = new KeyServer(keys.pemMap);
      const { sets, provider, log } = await start(server);
      using _ = sets;
      await sets.keep([provider]);
      const before = sets.keysOf(provider);
      server.answer = answer;
      await sets.fetch(provider);
      assert.equal(sets.keysOf(provider), before);
      assert.match(log.at(-1) ?? "", /^WARNING keys of http.*the old ones stay in use$/);
    });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  field,
  goodClaims,
  makeHead,
  makeModel,
  nowMs,
  nowS,
  provider,
  requirement,
} from "../../../test/made-call.ts";
import {
  issuer,
  jwtRoute,
  keySetOf,
  mint,
  refusalOf,
  walkthrough,
} from "../../../test/made-decision.ts";
import { TokenMaker } from "../../../test/token-maker.ts";
import type { KeySet } from "../../auth/key-set.ts";
import type { Field, Head } from "../../http2/head.ts";
import { type Decision, decide, type KeySource } from "./decide.ts";
import {
  maxCachedValueBytes,
  maxRefusedTokens,
  maxVerifiedTokens,
  VerifiedTokens,
} from "./verified-tokens.ts";

/** A gateway that has seen a while: its cache, its keys that may change, its clock. */
class Gateway implements KeySource {
  readonly cache = new VerifiedTokens();
  model = walkthrough;
  keySet: KeySet | { readonly fault: string } | undefined = keySetOf(issuer.jwks);
  nowMs = nowMs;

  keysOf(): KeySet | { readonly fault: string } | undefined {
    return this.keySet;
  }

  decide(head: Head): Decision {
    return decide(this.model, this, head, this.nowMs, { cache: this.cache });
  }

  size(): { readonly good: number; readonly bad: number } {
    assert.ok(this.keySet !== undefined && "keys" in this.keySet);
    return this.cache.size(this.keySet);
  }
}

/** A call whose authorization is this very Field, as an engine with a header table hands it out. */
const withField = (authorization: Field): Head => [...makeHead(), authorization];
const bearerField = (token: string): Field => field("authorization", `Bearer ${token}`);
const swapped = (token: string, by: string): string =>
  `${token.slice(0, token.lastIndexOf("."))}${by.slice(by.lastIndexOf("."))}`;

for (const [how, fieldOf] of [
  ["the same field object again", (kept: Field) => kept],
  ["another field of the same bytes", ({ name, value }: Field) => field(name, value)],
] as const)
  describe(`VerifiedTokens, ${how}`, () => {
    const good = bearerField(mint());
    const again = (): Head => withField(fieldOf(good));

    it("JV-8: a token that passed passes again, and is held once", () => {
      const gateway = new Gateway();
      for (let i = 0; i < 5; i++) assert.equal(gateway.decide(again()).kind, "forward");
      assert.deepEqual(gateway.size(), { good: 1, bad: 0 });
    });
    it("compares the time on every call: a clock step ends it, and a step back lets it live", () => {
      const gateway = new Gateway();
      assert.equal(gateway.decide(again()).kind, "forward");
      gateway.nowMs = (goodClaims.exp + 61) * 1000;
      assert.equal(refusalOf(gateway.decide(again())).message, "Jwt is expired");
      gateway.nowMs = nowMs;
      assert.equal(gateway.decide(again()).kind, "forward");
    });
    it("compares nbf on every call", () => {
      const gateway = new Gateway();
      const later = bearerField(mint({ nbf: nowS }));
      assert.equal(gateway.decide(withField(fieldOf(later))).kind, "forward");
      gateway.nowMs = nowMs - 61_000;
      assert.equal(
        refusalOf(gateway.decide(withField(fieldOf(later)))).message,
        "Jwt not yet valid",
      );
    });
    it("compares the audience on every call: after a reload, and on another route", () => {
      const gateway = new Gateway();
      assert.equal(gateway.decide(again()).kind, "forward");
      gateway.model = makeModel(jwtRoute([{ ...requirement, audiences: ["other"] }]));
      assert.equal(refusalOf(gateway.decide(again())).message, "Audiences in Jwt are not allowed");
    });
    it("compares the issuer on every call", () => {
      const gateway = new Gateway();
      assert.equal(gateway.decide(again()).kind, "forward");
      const moved = { ...provider, issuer: "https://other.test" };
      gateway.model = makeModel(jwtRoute([{ ...requirement, provider: moved }]));
      assert.equal(refusalOf(gateway.decide(again())).message, "Jwt issuer is not configured");
    });
    it("counts for the key set it was checked with: a key that is gone ends its tokens on the next call", () => {
      const gateway = new Gateway();
      assert.equal(gateway.decide(again()).kind, "forward");
      gateway.keySet = keySetOf(new TokenMaker("key-2").jwks);
      assert.equal(refusalOf(gateway.decide(again())).reason, "KEY_NOT_FOUND");
      gateway.keySet = keySetOf(new TokenMaker("key-1").jwks);
      assert.equal(refusalOf(gateway.decide(again())).reason, "SIGNATURE_INVALID");
      gateway.keySet = { fault: "Jwks remote fetch is failed" };
      assert.equal(refusalOf(gateway.decide(again())).reason, "KEYS_NOT_AVAILABLE");
      gateway.keySet = undefined;
      assert.equal(gateway.decide(again()).kind, "keys-needed");
      gateway.keySet = keySetOf(issuer.jwks);
      assert.equal(gateway.decide(again()).kind, "forward");
    });
    it("attack, signature swap: two tokens that differ in the signature only, in turn: each gets its own answer", () => {
      const gateway = new Gateway();
      const token = mint();
      const forged = bearerField(swapped(token, mint({ sub: "2" })));
      const right = bearerField(token);
      for (let i = 0; i < 4; i++) {
        assert.equal(gateway.decide(withField(fieldOf(right))).kind, "forward");
        const refusal = refusalOf(gateway.decide(withField(fieldOf(forged))));
        assert.equal(refusal.message, "Jwt verification fails");
      }
      assert.deepEqual(gateway.size(), { good: 1, bad: 1 });
    });
    it("attack, the forged one first: the right one still passes", () => {
      const gateway = new Gateway();
      const token = mint();
      const forged = bearerField(swapped(token, mint({ sub: "2" })));
      assert.equal(gateway.decide(withField(fieldOf(forged))).kind, "refuse");
      assert.equal(gateway.decide(withField(bearerField(token))).kind, "forward");
    });
    it("a remembered bad token is refused in the gateway's order: expired wins over its signature", () => {
      const gateway = new Gateway();
      const forged = bearerField(swapped(mint(), mint({ sub: "2" })));
      assert.equal(
        refusalOf(gateway.decide(withField(fieldOf(forged)))).reason,
        "SIGNATURE_INVALID",
      );
      gateway.nowMs = (goodClaims.exp + 61) * 1000;
      assert.equal(refusalOf(gateway.decide(withField(fieldOf(forged)))).reason, "TOKEN_EXPIRED");
    });
    it("what hangs on a field counts for the prefix it was read behind", () => {
      const gateway = new Gateway();
      assert.equal(gateway.decide(again()).kind, "forward");
      const locations = [{ kind: "header", name: "authorization", valuePrefix: "" }] as const;
      gateway.model = makeModel(
        jwtRoute([{ ...requirement, provider: { ...provider, locations } }]),
      );
      assert.match(refusalOf(gateway.decide(again())).message, /^Jwt header is an invalid/);
    });
  });

describe("VerifiedTokens, bounds", () => {
  const seen = (set: KeySet, fault?: "Jwt verification fails") => ({
    token: {
      header: { alg: "RS256", kid: undefined },
      claims: {
        iss: "",
        sub: undefined,
        aud: [],
        exp: 1,
        nbf: 1,
        iat: 1,
        email: undefined,
        emailVerified: false,
      },
      payloadSegment: "",
    } as const,
    keySet: set,
    fault,
    isSignatureRemoved: false,
  });

  it("JV-8: holds 1000 tokens of a key set, the newest; bad ones apart, so that they never push out a good one", () => {
    const cache = new VerifiedTokens();
    const set: KeySet = { keys: [] };
    for (let i = 0; i < maxVerifiedTokens + 5; i++) cache.add(`good-${i}`, seen(set));
    for (let i = 0; i < maxRefusedTokens + 5; i++)
      cache.add(`bad-${i}`, seen(set, "Jwt verification fails"));
    assert.deepEqual(cache.size(set), { good: maxVerifiedTokens, bad: maxRefusedTokens });
    assert.equal(cache.get(set, "good-4"), undefined);
    assert.equal(cache.get(set, "good-5")?.fault, undefined);
    assert.notEqual(cache.get(set, "good-1004"), undefined);
    assert.equal(cache.get(set, "bad-4"), undefined);
    assert.equal(cache.get(set, "bad-5")?.fault, "Jwt verification fails");
    assert.equal(cache.get({ keys: [] }, "good-5"), undefined);
  });
  it("does not hold a token whose header value is long: neither in the cache nor on the field", () => {
    const gateway = new Gateway();
    const padding = "x".repeat(maxCachedValueBytes);
    const long = bearerField(mint({ padding }));
    const holder = field("authorization", `${padding} Bearer ${mint()}`);
    for (const authorization of [long, holder]) {
      assert.equal(gateway.decide(withField(authorization)).kind, "forward");
      assert.equal(authorization.memo, undefined);
    }
    assert.deepEqual(gateway.size(), { good: 0, bad: 0 });
  });
  it("leaves fields alone where there is no cache", () => {
    const authorization = bearerField(mint());
    decide(walkthrough, { keysOf: () => keySetOf(issuer.jwks) }, withField(authorization), nowMs);
    assert.equal(authorization.memo, undefined);
  });
  it("keeps what a refused token costs low: no second signature check", () => {
    const gateway = new Gateway();
    const set = gateway.keySet;
    assert.ok(set !== undefined && "keys" in set);
    let looks = 0;
    const keys = set.keys;
    gateway.keySet = {
      get keys() {
        looks++;
        return keys;
      },
    };
    const forged = bearerField(swapped(mint(), mint({ sub: "2" })));
    for (let i = 0; i < 100; i++) gateway.decide(withField(field(forged.name, forged.value)));
    assert.equal(looks, 1);
  });
});

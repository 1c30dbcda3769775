import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { before, describe, it } from "node:test";
import { startAnswering } from "../../test/answering-server.ts";
import { googleClaims, TokenMaker } from "../../test/token-maker.ts";
import { earlyFetchCooldownMs } from "./remote-key-set.ts";
import {
  createIdTokenVerifier,
  type IdTokenVerifier,
  removedSignature,
} from "./verify-id-token.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const minuteMs = 60_000;
const audience = "grpcs://grpc-gateway-1";
const claims = googleClaims(noonMs, audience);

describe("createIdTokenVerifier", () => {
  let maker: TokenMaker;
  let other: TokenMaker;
  before(() => {
    maker = new TokenMaker("key-1");
    other = new TokenMaker("key-2");
  });

  /** A key server that publishes what the test says, a clock the test moves, a verifier of both. */
  async function setUp(published: () => string = () => maker.jwks) {
    const clock = { nowMs: noonMs };
    const answers = { status: 200, headers: {} as Record<string, string>, published };
    const server = await startAnswering((_, response) => {
      response.writeHead(answers.status, answers.headers);
      return answers.published();
    });
    const verifier = createIdTokenVerifier({ jwksUrl: server.url, nowMs: () => clock.nowMs });
    return {
      clock,
      answers,
      server,
      verifier,
      reason: async (token: string) => reasonOf(await verifier.verify(token, audience)),
      async [Symbol.asyncDispose]() {
        verifier[Symbol.dispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  }

  it("gives back the claims of a good token", async () => {
    await using t = await setUp();
    const verdict = await t.verifier.verify(maker.mint(claims), audience);
    assert.partialDeepStrictEqual(verdict, {
      kind: "verified",
      claims: { email: "ada@example.com", emailVerified: true, sub: "104729" },
    });
  });

  it("understands Google's kid -> PEM form", async () => {
    await using t = await setUp(() => maker.pemMap);
    assert.equal(await t.reason(maker.mint(claims)), "verified");
  });

  it("accepts ES256", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = { ...publicKey.export({ format: "jwk" }), kid: "ec-1" };
    await using t = await setUp(() => JSON.stringify({ keys: [jwk] }));
    const input = signingInput({ alg: "ES256", kid: "ec-1" }, claims);
    const key = { key: privateKey, dsaEncoding: "ieee-p1363" } as const;
    const signature = sign("sha256", Buffer.from(input), key).toString("base64url");
    assert.equal(await t.reason(`${input}.${signature}`), "verified");
  });

  it("PR-1, PR-2: compares issuer and audience exactly, time with 60 s of leeway", async () => {
    await using t = await setUp();
    const nowS = noonMs / 1000;
    for (const [changed, reason] of [
      [{ exp: nowS - 60 }, "verified"],
      [{ exp: nowS - 61 }, "TOKEN_EXPIRED"],
      [{ exp: undefined }, "TOKEN_MALFORMED"],
      [{ exp: "4102444800" }, "TOKEN_MALFORMED"],
      [{ nbf: nowS + 60 }, "verified"],
      [{ nbf: nowS + 61 }, "TOKEN_NOT_YET_VALID"],
      [{ iat: nowS + 61 }, "TOKEN_NOT_YET_VALID"],
      [{ iss: "accounts.google.com" }, "ISSUER_NOT_CONFIGURED"],
      [{ iss: "https://accounts.google.com/" }, "ISSUER_NOT_CONFIGURED"],
      [{ iss: undefined }, "ISSUER_NOT_CONFIGURED"],
      [{ aud: `${audience}/` }, "AUDIENCE_MISMATCH"],
      [{ aud: ["x", audience] }, "verified"],
      [{ aud: [] }, "AUDIENCE_MISMATCH"],
      [{ aud: undefined }, "AUDIENCE_MISMATCH"],
    ] as const)
      assert.equal(
        await t.reason(maker.mint({ ...claims, ...changed })),
        reason,
        JSON.stringify(changed),
      );
  });

  it("refuses what is not signed by a published key with an accepted algorithm", async () => {
    await using t = await setUp();
    const good = maker.mint(claims);
    const [head = "", , signature = ""] = good.split(".");
    const evil = Buffer.from(JSON.stringify({ ...claims, email: "eve@x" })).toString("base64url");
    const unsigned = signingInput({ alg: "none" }, claims);
    const hmacInput = signingInput({ alg: "HS256", kid: "key-1" }, claims);
    const publicPem = maker.publicKey.export({ type: "spki", format: "pem" });
    const hmac = createHmac("sha256", publicPem).update(hmacInput).digest("base64url");
    const embedded = { jwk: other.publicKey.export({ format: "jwk" }) };
    for (const [token, reason] of [
      [`${head}.${evil}.${signature}`, "SIGNATURE_INVALID"],
      [new TokenMaker("key-1").mint(claims), "SIGNATURE_INVALID"],
      [other.mint(claims), "KEY_NOT_FOUND"],
      [other.mint(claims, { kid: "key-1", ...embedded }), "SIGNATURE_INVALID"],
      [`${unsigned}.`, "TOKEN_MALFORMED"],
      [`${unsigned}.AA`, "ALGORITHM_NOT_SUPPORTED"],
      [`${hmacInput}.${hmac}`, "ALGORITHM_NOT_SUPPORTED"],
      [maker.mint(claims, { alg: "PS256" }), "ALGORITHM_NOT_SUPPORTED"],
      [maker.mint(claims, { crit: ["b64"], b64: false }), "TOKEN_MALFORMED"],
      [`${good} `, "TOKEN_MALFORMED"],
      ["ya29.an-access-token", "TOKEN_MALFORMED"],
      [good.replace(/[^.]+$/, removedSignature), "SIGNATURE_INVALID"],
    ] as const)
      assert.equal(await t.reason(token), reason, token.slice(0, 20));
  });

  it("never repeats the token or what nobody vouches for at length", async () => {
    await using t = await setUp();
    const token = maker.mint({ ...claims, iss: `https://${"x".repeat(5_000)}` });
    const verdict = await t.verifier.verify(token, audience);
    assert.ok(verdict.kind === "refused" && verdict.detail.length < 500);
    assert.ok(!JSON.stringify(verdict).includes(token.slice(-40)));
  });

  it("checks time and audience again when it has seen the token before", async () => {
    await using t = await setUp();
    const token = maker.mint(claims);
    assert.equal(await t.reason(token), "verified");
    assert.equal(reasonOf(await t.verifier.verify(token, "elsewhere")), "AUDIENCE_MISMATCH");
    t.clock.nowMs += 61 * minuteMs + 1;
    assert.equal(await t.reason(token), "TOKEN_EXPIRED");
  });

  it("fetches the keys once for many calls at the same time", async () => {
    await using t = await setUp();
    const token = maker.mint(claims);
    const reasons = await Promise.all(Array.from({ length: 50 }, () => t.reason(token)));
    assert.deepEqual([...new Set(reasons)], ["verified"]);
    assert.equal(t.server.requests.length, 1);
  });

  it("fetches nothing for a token that its claims refuse", async () => {
    await using t = await setUp();
    assert.equal(await t.reason(maker.mint({ ...claims, aud: "x" })), "AUDIENCE_MISMATCH");
    assert.equal(await t.reason("junk"), "TOKEN_MALFORMED");
    assert.equal(t.server.requests.length, 0);
  });

  it("fetches early for an unknown key id, at most once a cooldown", async () => {
    await using t = await setUp();
    assert.equal(await t.reason(maker.mint(claims)), "verified");
    t.answers.published = () => other.jwks;
    assert.equal(await t.reason(other.mint(claims)), "verified");
    assert.equal(t.server.requests.length, 2);
    const madeUp = (i: number) => other.mint(claims, { kid: `made-up-${i}` });
    for (let i = 0; i < 10; i++) assert.equal(await t.reason(madeUp(i)), "KEY_NOT_FOUND");
    assert.equal(t.server.requests.length, 2);
    t.clock.nowMs += earlyFetchCooldownMs;
    assert.equal(await t.reason(madeUp(11)), "KEY_NOT_FOUND");
    assert.equal(t.server.requests.length, 3);
  });

  it("forgets tokens it has seen when their key is withdrawn", async () => {
    await using t = await setUp();
    const token = maker.mint(claims);
    assert.equal(await t.reason(token), "verified");
    t.answers.published = () => other.jwks;
    assert.equal(await t.reason(other.mint(claims)), "verified");
    assert.equal(await t.reason(token), "KEY_NOT_FOUND");
  });

  describe("verifyClaimsOnly (PR-3)", () => {
    const removed = (changed: object = {}) =>
      `${signingInput({ alg: "RS256", kid: "key-1" }, { ...claims, ...changed })}.${removedSignature}`;

    it("checks issuer, time and audience of a token whose signature the platform removed", async () => {
      await using t = await setUp();
      for (const [changed, reason] of [
        [{}, "verified"],
        [{ aud: "x" }, "AUDIENCE_MISMATCH"],
        [{ iss: "https://evil.example" }, "ISSUER_NOT_CONFIGURED"],
        [{ exp: noonMs / 1000 - 61 }, "TOKEN_EXPIRED"],
      ] as const)
        assert.equal(reasonOf(t.verifier.verifyClaimsOnly(removed(changed), audience)), reason);
      assert.equal(t.server.requests.length, 0);
    });

    it("refuses a token with a signature of its own, or with none", async () => {
      await using t = await setUp();
      const [head, payload] = removed().split(".");
      for (const token of [
        maker.mint(claims),
        `${head}.${payload}.`,
        `${head}.${payload}`,
        `${head}.${removedSignature}`,
        removedSignature,
        `x.${removed()}`,
      ])
        assert.equal(reasonOf(t.verifier.verifyClaimsOnly(token, audience)), "TOKEN_MALFORMED");
    });
  });
});

function reasonOf(verdict: ReturnType<IdTokenVerifier["verifyClaimsOnly"]>): string {
  return verdict.kind === "verified" ? "verified" : verdict.reason;
}

function signingInput(header: object, payload: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(payload)}`;
}

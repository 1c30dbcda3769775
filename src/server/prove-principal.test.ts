import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  gatewayAudience,
  nowMs,
  startTestIssuer,
  strangersKey,
  type TestIssuer,
  withoutSignature,
} from "./issuer-fixture.test.ts";
import { assertUnproven, bearer, seenBy } from "./principal-fixture.test.ts";
import type { PrincipalPolicy } from "./prove-principal.ts";
import { gatewayAccount, targetAudience } from "./server-fixture.test.ts";

const forwarded = "x-forwarded-authorization";
const lastHop = "authorization";

describe("who is calling", () => {
  let issuer: TestIssuer;
  before(async () => {
    issuer = await startTestIssuer();
  });
  after(() => issuer[Symbol.asyncDispose]());

  const seen = (
    headers: readonly string[],
    policy: Partial<PrincipalPolicy> = {},
    trailers?: Record<string, string>,
  ) => seenBy(issuer, headers, policy, trailers);
  const refused = (headers: readonly string[], why: RegExp, policy?: Partial<PrincipalPolicy>) =>
    assertUnproven(issuer, headers, why, policy);

  const ada = {
    kind: "named",
    issuer: "https://accounts.google.com",
    subject: "1234",
    email: "ada@example.com",
  };
  const direct = (claims = {}) => issuer.token({ aud: targetAudience, ...claims });
  const gateways = (claims = {}) => direct({ email: gatewayAccount, sub: "99", ...claims });

  it("PR-1: the caller behind the gateway is named by the token that the gateway passed on", async () => {
    const { principal, grpcStatus } = await seen([
      forwarded,
      bearer(issuer.token()),
      lastHop,
      bearer(withoutSignature(gateways())),
    ]);
    assert.equal(grpcStatus, 0);
    assert.deepEqual(principal, { ...ada, rule: "PR-1" });
  });

  it("PR-1: it needs no authorization beside it, and no word of the platform", async () => {
    const { principal } = await seen([forwarded, bearer(issuer.token())]);
    assert.deepEqual(principal, { ...ada, rule: "PR-1" });
  });

  it("PR-1: 60 s of leeway either way", async () => {
    for (const claims of [{ exp: nowMs / 1000 - 59 }, { iat: nowMs / 1000 + 59 }]) {
      const { grpcStatus } = await seen([forwarded, bearer(issuer.token(claims))]);
      assert.equal(grpcStatus, 0);
    }
  });

  it("PR-2: a direct caller is named by its own token, signature checked here", async () => {
    const { principal } = await seen([lastHop, bearer(direct())]);
    assert.deepEqual(principal, { ...ada, rule: "PR-2" });
  });

  it("PR-2: the scheme's case does not matter", async () => {
    const { principal } = await seen([lastHop, `bearer ${direct()}`]);
    assert.deepEqual(principal, { ...ada, rule: "PR-2" });
  });

  it("PR-2: a bad token is refused", async () => {
    await refused([lastHop, bearer(issuer.token())], /audience is "grpcs:/);
    await refused(
      [lastHop, bearer(issuer.token({ aud: targetAudience }, {}, strangersKey))],
      /signature/,
    );
    await refused([lastHop, bearer(direct())], /its own audience/, { targetAudience: undefined });
  });

  it("PR-3: a token whose signature the platform removed names the caller where the platform is trusted", async () => {
    const headers = [lastHop, bearer(withoutSignature(direct()))];
    const { principal } = await seen(headers, { trustPlatform: true });
    assert.deepEqual(principal, { ...ada, rule: "PR-3" });
  });

  it("PR-3: and nobody where it is not", async () => {
    await refused([lastHop, bearer(withoutSignature(direct()))], /does not trust/);
  });

  it("PR-3: issuer, time and audience are checked all the same", async () => {
    for (const [claims, why] of [
      [{ iss: "https://evil.example.com" }, /issuer/],
      [{ exp: nowMs / 1000 - 61 }, /expired/],
      [{ aud: gatewayAudience }, /audience/],
    ] as const)
      await refused([lastHop, bearer(withoutSignature(direct(claims)))], why, {
        trustPlatform: true,
      });
  });

  it("PR-3: never beside x-serverless-authorization: the platform checked that one", async () => {
    for (const value of [bearer(direct()), "", "x"])
      await refused(
        [lastHop, bearer(withoutSignature(direct())), "x-serverless-authorization", value],
        /x-serverless-authorization/,
        { trustPlatform: true },
      );
  });

  it("PR-4: a call that only the gateway's account vouches for is anonymous", async () => {
    for (const token of [
      withoutSignature(gateways()),
      gateways(),
      gateways({ email: "Gateway-SA@p.iam.gserviceaccount.com" }),
    ]) {
      const { principal, grpcStatus } = await seen([lastHop, bearer(token)], {
        trustPlatform: true,
      });
      assert.equal(grpcStatus, 0);
      assert.deepEqual(principal, { kind: "anonymous", rule: "PR-4" });
    }
  });

  it("PR-5: no token is an anonymous call", async () => {
    const { principal, grpcStatus } = await seen([]);
    assert.equal(grpcStatus, 0);
    assert.deepEqual(principal, { kind: "anonymous", rule: "PR-5" });
  });

  it("PR-6: several values of one header are refused, whichever of them is good", async () => {
    const good = bearer(issuer.token());
    const bad = bearer(issuer.token({ email: "root@example.com" }, {}, strangersKey));
    for (const [first, second] of [
      [good, bad],
      [bad, good],
      [good, good],
    ] as const)
      await refused([forwarded, first, forwarded, second], /sent 2 times/);
    await refused([lastHop, bearer(direct()), lastHop, bearer(direct())], /sent 2 times/);
    await refused([forwarded, good, lastHop, bearer(direct()), lastHop, "x"], /sent 2 times/);
  });

  it("PR-6: an access token, and a token for another audience", async () => {
    await refused([lastHop, bearer("ya29.a0AfH6SNOT-A-JWT")], /access token/);
    await refused(
      [lastHop, bearer(issuer.token({ aud: "764086051850.apps.googleusercontent.com" }))],
      /audience/,
    );
  });

  it("trailers never count", async () => {
    const { principal } = await seen([], {}, { [forwarded]: bearer(issuer.token()) });
    assert.deepEqual(principal, { kind: "anonymous", rule: "PR-5" });
    const bad = await seen([forwarded, bearer(issuer.token())], {}, { [lastHop]: "Bearer junk" });
    assert.deepEqual(bad.principal, { ...ada, rule: "PR-1" });
  });

  it("x-apigateway-api-userinfo is information, never identity", async () => {
    const claims = { email: "root@example.com", email_verified: true };
    const info = Buffer.from(JSON.stringify(claims)).toString("base64url");
    const { principal } = await seen(["x-apigateway-api-userinfo", info]);
    assert.deepEqual(principal, { kind: "anonymous", rule: "PR-5" });
    const beside = await seen([
      "x-apigateway-api-userinfo",
      info,
      forwarded,
      bearer(issuer.token()),
    ]);
    assert.deepEqual(beside.principal, { ...ada, rule: "PR-1" });
  });

  it("an email counts only when it is verified, and true is the only way to say so", async () => {
    for (const email_verified of [false, undefined, "true", 1]) {
      const { principal } = await seen([forwarded, bearer(issuer.token({ email_verified }))]);
      assert.deepEqual(principal, { ...ada, rule: "PR-1", email: undefined });
    }
  });

  it("the log names the principal and the rule", async () => {
    const { entry } = await seen([forwarded, bearer(issuer.token())]);
    assert.partialDeepStrictEqual(entry, {
      callpath: {
        principal: "ada@example.com",
        steps: [
          { hop: "server", rule: "principal", ok: true, detail: "PR-1: ada@example.com" },
          { rule: "access", ok: true },
        ],
      },
    });
  });
});

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { decodeJwt } from "jose";
import { openLocalCa } from "../ca.ts";
import { type RunningIssuer, startIssuer } from "./start-issuer.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const caller = "gateway-sa@callpath-local.iam.gserviceaccount.com";
const target = "target-sa@callpath-local.iam.gserviceaccount.com";

describe("IAM Credentials", () => {
  let stateDir: string;
  let issuer: RunningIssuer;
  let currentMs = noonMs;
  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "callpath-iam-"));
    const nowMs = () => currentMs;
    const mayMintAs = (from: string, to: string) => `${from} ${to}` !== `${target} ${caller}`;
    const ca = openLocalCa(stateDir, { nowMs });
    issuer = await startIssuer({ stateDir, ca, nowMs, mayMintAs });
  });
  after(async () => {
    await issuer[Symbol.asyncDispose]();
    await rm(stateDir, { recursive: true });
  });

  const bearer = (email = caller) =>
    `Bearer ${issuer.mintAccessToken({ email, scopes: ["https://www.googleapis.com/auth/iam"] }).value}`;
  const post = async (
    path: string,
    body: unknown,
    authorization: string | undefined = bearer(),
  ) => {
    const url = new URL(`/v1/projects/-/serviceAccounts/${path}`, issuer.url);
    const headers = { connection: "close", ...(authorization !== "" && { authorization }) };
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(url, { method: "POST", headers, body: text });
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
  const isGoogleError = (
    answer: { status: number; body: unknown },
    code: number,
    status: string,
  ) => {
    assert.equal(answer.status, code);
    assert.partialDeepStrictEqual(answer.body, { error: { code, status } });
  };

  it("mints an ID token of the account, with email when asked", async () => {
    const { status, body } = await post(`${target}:generateIdToken`, {
      audience: "https://a",
      includeEmail: true,
    });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ["token"]);
    assert.partialDeepStrictEqual(decodeJwt(body.token), {
      aud: "https://a",
      email: target,
      email_verified: true,
    });
  });

  it("leaves the email out when not asked", async () => {
    const { body } = await post(`${target}:generateIdToken`, { audience: "https://a" });
    assert.deepEqual(Object.keys(decodeJwt(body.token)).sort(), [
      "aud",
      "azp",
      "exp",
      "iat",
      "iss",
      "sub",
    ]);
  });

  it("takes the audience from the query, where ESPv2 puts it (TK-3)", async () => {
    const audience = "https://echo.example/?a=b&c";
    const path = `${encodeURIComponent(target)}:generateIdToken?audience=${encodeURIComponent(audience)}`;
    const { body } = await post(path, { includeEmail: true });
    assert.partialDeepStrictEqual(decodeJwt(body.token), { aud: audience, email: target });
  });

  it("mints access tokens with scopes and lifetime, which mint in turn", async () => {
    const { status, body } = await post(`${target}:generateAccessToken`, {
      scope: ["a"],
      lifetime: "600s",
    });
    assert.equal(status, 200);
    assert.equal(body.expireTime, "2026-01-01T12:10:00Z");
    assert.partialDeepStrictEqual(issuer.checkAccessToken(body.accessToken), {
      email: target,
      scopes: ["a"],
    });
    const next = await post(
      `${target}:generateIdToken`,
      { audience: "a" },
      `bearer ${body.accessToken}`,
    );
    assert.equal(next.status, 200);
  });

  it("refuses who may not, also in the middle of a chain of delegates", async () => {
    const denied = await post(`${caller}:generateIdToken`, { audience: "a" }, bearer(target));
    isGoogleError(denied, 403, "PERMISSION_DENIED");
    assert.match(
      denied.body.error.message,
      /^Permission 'iam\.serviceAccounts\.getOpenIdToken' denied/,
    );
    assert.equal(denied.body.error.details[0].reason, "IAM_PERMISSION_DENIED");
    const delegates = [
      `projects/-/serviceAccounts/${target}`,
      `projects/-/serviceAccounts/${caller}`,
    ];
    const chain = await post(`x@y.z:generateAccessToken`, { scope: ["a"], delegates }, bearer());
    isGoogleError(chain, 403, "PERMISSION_DENIED");
    const allowed = await post(`x@y.z:generateIdToken`, {
      audience: "a",
      delegates: delegates.slice(0, 1),
    });
    assert.equal(allowed.status, 200);
    const tooMany = Array.from({ length: 9 }, () => delegates[0]);
    isGoogleError(
      await post(`x@y.z:generateIdToken`, { audience: "a", delegates: tooMany }),
      400,
      "INVALID_ARGUMENT",
    );
  });

  it("refuses what is no live access token of this issuer, whatever it looks like", async () => {
    const { value } = issuer.mintAccessToken({ email: caller, scopes: ["a"] });
    const forged = value.replace(/^(ya29\.callpath-local\.)[^.]+/, (_, prefix) => {
      const facts = { email: target, scopes: ["a"], expiresAtMs: noonMs * 2 };
      return prefix + Buffer.from(JSON.stringify(facts)).toString("base64url");
    });
    const idToken = issuer.mint({
      email: caller,
      audience: "https://iamcredentials.googleapis.com/",
    }).value;
    const bad = [
      "",
      "Bearer",
      "Bearer ",
      `Basic ${value}`,
      `Bearer ${value}x`,
      `Bearer ${forged}`,
      `Bearer ${idToken}`,
      `Bearer ${value.slice(0, -1)}`,
    ];
    for (const authorization of bad) {
      isGoogleError(
        await post(`${target}:generateIdToken`, { audience: "a" }, authorization),
        401,
        "UNAUTHENTICATED",
      );
    }
  });

  it("refuses an access token that expired", async () => {
    const authorization = bearer();
    currentMs = noonMs + 3_600_001;
    try {
      isGoogleError(
        await post(`${target}:generateIdToken`, { audience: "a" }, authorization),
        401,
        "UNAUTHENTICATED",
      );
    } finally {
      currentMs = noonMs;
    }
  });

  for (const [what, method, body] of [
    ["no audience", "generateIdToken", {}],
    ["an empty audience", "generateIdToken", { audience: "" }],
    ["an audience that is no text", "generateIdToken", { audience: 1 }],
    ["broken JSON", "generateIdToken", "{"],
    ["a list", "generateIdToken", "[]"],
    ["no scope", "generateAccessToken", {}],
    ["a lifetime of two hours", "generateAccessToken", { scope: ["a"], lifetime: "7200s" }],
    ["a lifetime without unit", "generateAccessToken", { scope: ["a"], lifetime: "600" }],
  ] as const) {
    it(`refuses ${what} as an invalid argument`, async () => {
      isGoogleError(await post(`${target}:${method}`, body), 400, "INVALID_ARGUMENT");
    });
  }

  it("answers 404 elsewhere", async () => {
    isGoogleError(await post(`${target}:signBlob`, {}), 404, "NOT_FOUND");
    isGoogleError(await post(`%ff:generateIdToken`, { audience: "a" }), 404, "NOT_FOUND");
    const get = await fetch(
      new URL(`/v1/projects/-/serviceAccounts/${target}:generateIdToken`, issuer.url),
      {
        headers: { connection: "close" },
      },
    );
    assert.equal(get.status, 404);
    await get.text();
  });
});

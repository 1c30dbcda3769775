import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createLocalJWKSet, jwtVerify } from "jose";
import { openLocalCa } from "../ca.ts";
import type { ServiceAccountKeyFile } from "./key-file.ts";
import { type RunningIssuer, startIssuer } from "./start-issuer.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const noonS = noonMs / 1000;
const email = "gateway-client-sa@callpath-local.iam.gserviceaccount.com";
const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";

describe("the token endpoint", () => {
  let stateDir: string;
  let issuer: RunningIssuer;
  let keyFile: ServiceAccountKeyFile;
  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "callpath-token-"));
    const nowMs = () => noonMs;
    issuer = await startIssuer({ stateDir, ca: openLocalCa(stateDir, { nowMs }), nowMs });
    keyFile = await issuer.keyFileFor(email);
  });
  after(async () => {
    await issuer[Symbol.asyncDispose]();
    await rm(stateDir, { recursive: true });
  });

  const good = () => ({
    iss: email,
    aud: keyFile.token_uri,
    iat: noonS,
    exp: noonS + 3600,
    target_audience: "https://echo.example",
  });
  const assertion = (
    claims: object,
    header: object = {},
    key: string | KeyObject = keyFile.private_key,
  ) => {
    const input = [{ alg: "RS256", typ: "JWT", ...header }, claims].map(segment).join(".");
    return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
  };
  const post = async (form: Record<string, string>, init: RequestInit = {}) => {
    const headers = { connection: "close" };
    const body = new URLSearchParams(form);
    const response = await fetch(keyFile.token_uri, { method: "POST", headers, body, ...init });
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
  const ask = (value: string) => post({ grant_type: grantType, assertion: value });

  it("gives an ID token for target_audience, with Google's claims and lifetime", async () => {
    const { status, body } = await ask(assertion(good()));
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ["id_token"]);
    const { payload, protectedHeader } = await jwtVerify(
      body.id_token,
      createLocalJWKSet(JSON.parse(issuer.keySetJson)),
      { currentDate: new Date(noonMs) },
    );
    assert.deepEqual(payload, {
      aud: "https://echo.example",
      azp: email,
      email,
      email_verified: true,
      exp: noonS + 3600,
      iat: noonS,
      iss: "https://accounts.google.com",
      sub: keyFile.client_id,
    });
    assert.match(keyFile.client_id, /^1\d{20}$/);
    assert.deepEqual(Object.keys(protectedHeader).sort(), ["alg", "kid", "typ"]);
  });

  it("gives an access token for scope", async () => {
    const { target_audience: _, ...claims } = good();
    const { status, body } = await ask(assertion({ ...claims, scope: "a  b" }));
    assert.equal(status, 200);
    const { access_token, ...rest } = body;
    assert.deepEqual(rest, { expires_in: 3599, token_type: "Bearer" });
    assert.deepEqual(issuer.checkAccessToken(access_token), {
      email,
      scopes: ["a", "b"],
      expiresAtMs: noonMs + 3_600_000,
    });
  });

  it("gives the ID token when both are asked for", async () => {
    const { body } = await ask(assertion({ ...good(), scope: "a" }));
    assert.deepEqual(Object.keys(body), ["id_token"]);
  });

  for (const aud of [
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token",
  ]) {
    it(`takes an assertion for ${aud}, and one whose kid is the key's`, async () => {
      const { status } = await ask(assertion({ ...good(), aud }, { kid: keyFile.private_key_id }));
      assert.equal(status, 200);
    });
  }

  it("answers at the paths of other years too", async () => {
    for (const path of ["/oauth2/v4/token", "/o/oauth2/token"]) {
      const url = new URL(path, issuer.url);
      const value = assertion({ ...good(), aud: url.href });
      const body = new URLSearchParams({ grant_type: grantType, assertion: value });
      const response = await fetch(url, { method: "POST", body, headers: { connection: "close" } });
      assert.equal(response.status, 200);
      await response.text();
    }
  });

  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const hmac = () => {
    const input = [{ alg: "HS256" }, good()].map(segment).join(".");
    return `${input}.${createHmac("sha256", keyFile.private_key).update(input).digest("base64url")}`;
  };
  const tooLong = /Token must be a short-lived token \(60 minutes\)/;
  for (const [what, value, words] of [
    ["signed by another key", () => assertion(good(), {}, stranger), /^Invalid JWT Signature\.$/],
    [
      "with an unknown kid",
      () => assertion(good(), { kid: "0".repeat(40) }),
      /^Invalid JWT Signature\.$/,
    ],
    [
      "with alg none",
      () => `${[{ alg: "none" }, good()].map(segment).join(".")}.`,
      /^Invalid JWT Signature\.$/,
    ],
    [
      "that names another alg",
      () => assertion(good(), { alg: "RS512" }),
      /^Invalid JWT Signature\.$/,
    ],
    ["with alg HS256", hmac, /^Invalid JWT Signature\.$/],
    ["with a cut signature", () => assertion(good()).slice(0, -3), /^Invalid JWT Signature\.$/],
    [
      "of an account that has no key",
      () => assertion({ ...good(), iss: "no@x.y" }),
      /^Invalid grant: account not found$/,
    ],
    [
      "without iss",
      () => assertion({ ...good(), iss: undefined }),
      /^Invalid JWT: iss field missing\.$/,
    ],
    [
      "for another audience",
      () => assertion({ ...good(), aud: "https://x.y" }),
      /^Invalid JWT: Failed audience check\. The right audience is https:\/\/oauth2\.googleapis\.com\/token$/,
    ],
    ["without aud", () => assertion({ ...good(), aud: undefined }), /Failed audience check/],
    ["that expired", () => assertion({ ...good(), iat: noonS - 4000, exp: noonS - 400 }), tooLong],
    ["that lives two hours", () => assertion({ ...good(), exp: noonS + 7200 }), tooLong],
    [
      "from the future",
      () => assertion({ ...good(), iat: noonS + 400, exp: noonS + 500 }),
      tooLong,
    ],
    ["without iat", () => assertion({ ...good(), iat: undefined }), tooLong],
    [
      "with exp as text",
      () => assertion({ ...good(), exp: `${noonS + 3600}` }),
      /short-lived|Failed to parse/,
    ],
    ["that is no JWT", () => "a.b.c", /^Invalid JWT: Failed to parse the assertion$/],
    ["of one part", () => "abc", /^Invalid JWT: Failed to parse the assertion$/],
  ] as const) {
    it(`refuses an assertion ${what} with invalid_grant, not repeating it`, async () => {
      const { status, body } = await ask(value());
      assert.equal(status, 400);
      assert.equal(body.error, "invalid_grant");
      assert.match(body.error_description, words);
      assert.equal(JSON.stringify(body).includes(value()), false);
    });
  }

  it("allows for five minutes of clock skew", async () => {
    const early = { ...good(), iat: noonS + 290, exp: noonS + 3800 };
    const late = { ...good(), iat: noonS - 3890, exp: noonS - 290 };
    assert.equal((await ask(assertion(early))).status, 200);
    assert.equal((await ask(assertion(late))).status, 200);
  });

  it("refuses to act as somebody else with unauthorized_client", async () => {
    const { status, body } = await ask(assertion({ ...good(), sub: "ada@example.com" }));
    assert.equal(status, 401);
    assert.equal(body.error, "unauthorized_client");
  });

  it("refuses an assertion that asks for nothing with invalid_scope", async () => {
    const { status, body } = await ask(assertion({ ...good(), target_audience: "" }));
    assert.equal(status, 400);
    assert.equal(body.error, "invalid_scope");
  });

  for (const [what, form, init, error, status] of [
    ["another grant", { grant_type: "refresh_token" }, {}, "unsupported_grant_type", 400],
    ["no grant", {}, {}, "invalid_request", 400],
    ["no assertion", { grant_type: grantType }, {}, "invalid_request", 400],
    [
      "JSON",
      {},
      { body: "{}", headers: { "content-type": "application/json", connection: "close" } },
      "invalid_request",
      400,
    ],
    ["GET", {}, { method: "GET", body: null }, "invalid_request", 405],
  ] as const) {
    it(`refuses ${what} with ${error}`, async () => {
      const answer = await post(form, init);
      assert.equal(answer.status, status);
      assert.equal(answer.body.error, error);
      assert.equal(typeof answer.body.error_description, "string");
    });
  }

  it("refuses a deleted key from then on", async () => {
    const other = "other-sa@callpath-local.iam.gserviceaccount.com";
    const otherKey = await issuer.keyFileFor(other);
    const value = assertion({ ...good(), iss: other }, {}, otherKey.private_key);
    assert.equal((await ask(value)).status, 200);
    issuer.deleteKeyOf(other);
    assert.equal((await ask(value)).body.error_description, "Invalid grant: account not found");
    await issuer.keyFileFor(other);
    assert.equal((await ask(value)).body.error_description, "Invalid JWT Signature.");
  });
});

function segment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

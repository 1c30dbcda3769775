import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { compactVerify, createLocalJWKSet, createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { openLocalCa } from "../ca.ts";
import { type RunningIssuer, startIssuer } from "./start-issuer.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const email = "gateway-client-sa@callpath-local.iam.gserviceaccount.com";

describe("the issuer's documents", () => {
  let stateDir: string;
  let issuer: RunningIssuer;
  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "callpath-keys-"));
    const nowMs = () => noonMs;
    const ca = openLocalCa(stateDir, { nowMs });
    issuer = await startIssuer({ stateDir, ca, nowMs, keyMaxAgeS: 60 });
  });
  afterEach(() => issuer.setFault(undefined));
  after(async () => {
    await issuer[Symbol.asyncDispose]();
    await rm(stateDir, { recursive: true });
  });

  const get = (path: string, init: RequestInit = {}) =>
    fetch(new URL(path, issuer.url), { headers: { connection: "close" }, ...init });
  const read = async (path: string) => JSON.parse(await (await get(path)).text());

  it("are key sets with all that caches need: cache-control and age", async () => {
    for (const path of ["/oauth2/v3/certs", "/oauth2/v1/certs"]) {
      const { status, headers, body } = await get(path);
      assert.equal(status, 200);
      assert.equal(
        headers.get("cache-control"),
        "public, max-age=60, must-revalidate, no-transform",
      );
      assert.equal(headers.get("age"), "0");
      assert.equal(headers.get("date"), "Thu, 01 Jan 2026 12:00:00 GMT");
      assert.equal(headers.get("expires"), "Thu, 01 Jan 2026 12:01:00 GMT");
      await body?.cancel();
    }
  });

  it("hold the same keys in both forms, with no private part", async () => {
    const { keys } = await read("/oauth2/v3/certs");
    const certificates = await read("/oauth2/v1/certs");
    assert.equal(JSON.stringify({ keys }), JSON.stringify(JSON.parse(issuer.keySetJson)));
    assert.deepEqual(
      Object.keys(certificates),
      keys.map(({ kid }: { kid: string }) => kid),
    );
    for (const { kid, n, e, ...rest } of keys) {
      assert.match(kid, /^[0-9a-f]{40}$/);
      assert.deepEqual(rest, { kty: "RSA", alg: "RS256", use: "sig" });
      const certificate = new X509Certificate(certificates[kid]);
      assert.deepEqual(certificate.publicKey.export({ format: "jwk" }), { kty: "RSA", n, e });
      assert.equal(certificate.verify(certificate.publicKey), true);
      assert.equal(certificate.ca, false);
      assert.ok(
        certificate.validFromDate.getTime() < noonMs && noonMs < certificate.validToDate.getTime(),
      );
    }
  });

  it("verify tokens by either form", async () => {
    const { value } = issuer.mint({ email, audience: "a" });
    const jwks = createRemoteJWKSet(new URL("/oauth2/v3/certs", issuer.url));
    await jwtVerify(value, jwks, { currentDate: new Date(noonMs) });
    const [pem] = Object.values<string>(await read("/oauth2/v1/certs"));
    await compactVerify(value, createPublicKey(pem ?? ""));
  });

  it("are found by discovery: here, and on Google's names where those lead here", async () => {
    const local = await read("/.well-known/openid-configuration");
    assert.equal(local.issuer, "https://accounts.google.com");
    assert.equal(local.jwks_uri, `${issuer.url.origin}/oauth2/v3/certs`);
    assert.equal(local.token_endpoint, `${issuer.url.origin}/token`);
    for (const host of ["accounts.google.com", "accounts.google.com:443"]) {
      const call = request(new URL("/.well-known/openid-configuration", issuer.url), {
        headers: { host },
        agent: false,
      }).end();
      const [response] = await once(call, "response");
      const google = JSON.parse(Buffer.concat(await response.toArray()).toString());
      assert.equal(google.jwks_uri, "https://www.googleapis.com/oauth2/v3/certs");
      assert.equal(google.token_endpoint, "https://oauth2.googleapis.com/token");
    }
  });

  it("hold a service account's public key, for JWTs it signs itself", async () => {
    const { private_key_id, client_x509_cert_url } = await issuer.keyFileFor(email);
    const jwks = await read(`/service_accounts/v1/jwk/${email}`);
    assert.deepEqual(
      jwks.keys.map(({ kid }: { kid: string }) => kid),
      [private_key_id],
    );
    const certificates = await read(new URL(client_x509_cert_url).pathname);
    const { publicKey } = new X509Certificate(certificates[private_key_id]);
    assert.partialDeepStrictEqual(jwks.keys[0], publicKey.export({ format: "jwk" }));
    assert.equal((await get("/service_accounts/v1/jwk/nobody@x.y")).status, 404);
  });

  it("answer HEAD, refuse POST, and say 404 elsewhere", async () => {
    const head = await get("/oauth2/v3/certs", { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.headers.get("content-length"), `${issuer.keySetJson.length}`);
    for (const [path, method, status] of [
      ["/oauth2/v3/certs", "POST", 405],
      ["/", "GET", 404],
      ["/oauth2/v3/certs/", "GET", 404],
    ] as const) {
      const response = await get(path, { method });
      assert.equal(response.status, status);
      await response.text();
    }
  });

  describe("with a fault", () => {
    const certs = "/oauth2/v3/certs";

    it("are unavailable, only where the fault says", async () => {
      issuer.setFault({ down: true, path: /v3/ });
      const response = await get(certs);
      assert.equal(response.status, 503);
      await response.text();
      assert.equal((await get("/oauth2/v1/certs", { method: "HEAD" })).status, 200);
    });

    it("are cut off without an answer", async () => {
      issuer.setFault({ cut: true });
      await assert.rejects(get(certs));
    });

    it("are slow, and given up when the caller leaves or the issuer ends", async () => {
      issuer.setFault({ slowMs: 5 });
      assert.equal((await get(certs, { method: "HEAD" })).status, 200);
      issuer.setFault({ slowMs: 60_000 });
      const controller = new AbortController();
      const gone = get(certs, { signal: controller.signal });
      controller.abort();
      await assert.rejects(gone, { name: "AbortError" });
    });

    it("lie: no JSON, nothing but blanks, no keys", async () => {
      issuer.setFault({ lie: "not-json" });
      const html = await get(certs);
      assert.equal(html.status, 200);
      assert.match(await html.text(), /^<html>/);
      issuer.setFault({ lie: "huge" });
      assert.equal(
        (await get(certs, { method: "HEAD" })).headers.get("content-length"),
        `${32 * 1024 * 1024}`,
      );
      issuer.setFault({ lie: "no-keys" });
      assert.deepEqual(await read(certs), { keys: [] });
      assert.deepEqual(await read("/oauth2/v1/certs"), {});
    });

    it("lie: keys of the right name that verify nothing", async () => {
      const { value } = issuer.mint({ email, audience: "a" });
      const truth = await read(certs);
      issuer.setFault({ lie: "other-keys" });
      const lie = await read(certs);
      assert.equal(lie.keys[0].kid, truth.keys[0].kid);
      const date = { currentDate: new Date(noonMs) };
      await jwtVerify(value, createLocalJWKSet(truth), date);
      await assert.rejects(jwtVerify(value, createLocalJWKSet(lie), date), {
        code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
      });
      const [pem] = Object.values<string>(await read("/oauth2/v1/certs"));
      await assert.rejects(compactVerify(value, createPublicKey(pem ?? "")));
    });

    it("lie in tokens over HTTP, never in process", async () => {
      const { value: access } = issuer.mintAccessToken({ email, scopes: ["a"] });
      const headers = { authorization: `Bearer ${access}`, connection: "close" };
      const mint = async () => {
        const path = `/v1/projects/-/serviceAccounts/${email}:generateIdToken`;
        const response = await get(path, { method: "POST", headers, body: '{"audience":"a"}' });
        return JSON.parse(await response.text()).token as string;
      };
      issuer.setFault({ lie: "wrong-audience" });
      assert.equal(decodeJwt(await mint()).aud, "https://not.what.was.asked");
      issuer.setFault({ lie: "expired" });
      assert.equal(decodeJwt(await mint()).exp, noonMs / 1000 - 3600);
      issuer.setFault({ lie: "illegal-token" });
      assert.match(await mint(), /\n/);
      assert.partialDeepStrictEqual(decodeJwt(issuer.mint({ email, audience: "a" }).value), {
        aud: "a",
        exp: noonMs / 1000 + 3600,
      });
    });
  });
});

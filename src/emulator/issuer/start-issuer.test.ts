import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { openLocalCa } from "../ca.ts";
import { GOOGLE_ISSUER_HOSTS, type IssuerOptions, startIssuer } from "./start-issuer.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const hourMs = 3_600_000;
const email = "gateway-client-sa@callpath-local.iam.gserviceaccount.com";
const folder = () => mkdtempDisposable(join(tmpdir(), "callpath-issuer-"));

function start(stateDir: string, options: Partial<IssuerOptions> = {}) {
  const nowMs = options.nowMs ?? (() => noonMs);
  return startIssuer({ stateDir, ca: openLocalCa(stateDir, { nowMs }), nowMs, ...options });
}

/** Whether the key set holds the key that signed it, at that time. */
async function verifies(token: string, keySetJson: string, atMs: number): Promise<boolean> {
  const keys = createLocalJWKSet(JSON.parse(keySetJson));
  return jwtVerify(token, keys, { currentDate: new Date(atMs) }).then(
    () => true,
    () => false,
  );
}

describe("startIssuer", () => {
  it("keeps keys, key files and access tokens over a restart, in a file of 0600", async () => {
    await using state = await folder();
    const first = await start(state.path);
    const token = first.mint({ email, audience: "a" }).value;
    const access = first.mintAccessToken({ email, scopes: ["a"] }).value;
    const before = await first.keyFileFor(email);
    await first[Symbol.asyncDispose]();
    assert.equal(statSync(join(state.path, "issuer-keys.json")).mode & 0o777, 0o600);

    await using second = await start(state.path);
    assert.equal(second.keySetJson, first.keySetJson);
    assert.equal(await verifies(token, second.keySetJson, noonMs), true);
    assert.equal(second.checkAccessToken(access)?.email, email);
    const again = await second.keyFileFor(email);
    assert.equal(again.private_key, before.private_key);
    assert.equal(again.private_key_id, before.private_key_id);
    assert.equal(again.token_uri, `${second.url.origin}/token`);
  });

  it("makes an account's key once, however many ask at the same time", async () => {
    await using state = await folder();
    await using issuer = await start(state.path);
    const files = await Promise.all([1, 2, 3].map(() => issuer.keyFileFor(email)));
    assert.equal(new Set(files.map(({ private_key_id }) => private_key_id)).size, 1);
    await assert.rejects(
      issuer.keyFileFor("nobody"),
      /not a service account's email address: "nobody"/,
    );
  });

  for (const text of [
    "",
    "{",
    "{}",
    '{"version":1,"signing":[]}',
    '{"version":1,"signing":[{"privateKey":"SECRET"}],"accounts":{},"accessTokenSecret":"AA"}',
  ]) {
    it(`sets unusable keys aside and says so, quoting none: ${text}`, async () => {
      await using state = await folder();
      writeFileSync(join(state.path, "issuer-keys.json"), text, { mode: 0o600 });
      const said: string[] = [];
      await using issuer = await start(state.path, { log: (line) => said.push(line) });
      assert.equal(said.length, 1);
      assert.match(
        said[0] ?? "",
        /issuer-keys\.json holds no usable issuer keys: kept as .*unusable-2026/,
      );
      assert.equal(said.join().includes("SECRET"), false);
      const aside = readdirSync(state.path).find((name) =>
        name.startsWith("issuer-keys.json.unusable-"),
      );
      assert.equal(readFileSync(join(state.path, aside ?? ""), "utf8"), text);
      assert.equal(JSON.parse(issuer.keySetJson).keys.length, 1);
    });
  }

  it("closes its keys to others when they were not", async () => {
    await using state = await folder();
    await (await start(state.path))[Symbol.asyncDispose]();
    const file = join(state.path, "issuer-keys.json");
    chmodSync(file, 0o640);
    const said: string[] = [];
    await using _ = await start(state.path, { log: (line) => said.push(line) });
    assert.match(said.join(), /could be read by others: now 0600/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it("mints what it is told, for tests of refusals too", async () => {
    await using state = await folder();
    await using issuer = await start(state.path);
    const usual = issuer.mint({ email, audience: "a" });
    assert.equal(usual.expiresAtMs, noonMs + hourMs);
    const odd = issuer.mint({
      email,
      audience: "a",
      lifetimeS: -10,
      emailVerified: false,
      authorizedParty: "me",
      claims: { iss: "https://elsewhere", sub: undefined, extra: [1] },
    });
    assert.equal(odd.expiresAtMs, noonMs - 10_000);
    assert.deepEqual(decodeJwt(odd.value), {
      aud: "a",
      azp: "me",
      email,
      email_verified: false,
      exp: noonMs / 1000 - 10,
      iat: noonMs / 1000,
      iss: "https://elsewhere",
      extra: [1],
    });
  });

  it("names a port that is in use, and leaves nothing open", async () => {
    await using state = await folder();
    await using issuer = await start(state.path);
    const { port } = issuer.url;
    const taken = { message: `cannot listen on 127.0.0.1:${port}: the port is in use` };
    await assert.rejects(start(state.path, { port: Number(port) }), taken);
    await assert.rejects(start(state.path, { tlsPort: Number(port) }), taken);
  });

  it("answers over TLS under Google's names, with a certificate of the CA", async () => {
    await using state = await folder();
    // TLS reads the machine's clock.
    const ca = openLocalCa(state.path, { nowMs: Date.now });
    await using issuer = await start(state.path, { ca, nowMs: Date.now });
    for (const servername of [...GOOGLE_ISSUER_HOSTS, "localhost"]) {
      const options = {
        host: "127.0.0.1",
        port: issuer.tlsPort,
        servername,
        ca: ca.certPem,
        agent: false,
      };
      const call = request({
        ...options,
        path: "/oauth2/v3/certs",
        headers: { host: servername },
      }).end();
      const [response] = await once(call, "response");
      assert.equal(
        Buffer.concat(await response.toArray()).toString(),
        issuer.keySetJson,
        servername,
      );
    }
  });

  it("closes open connections when disposed, idle and half-way through a request", async () => {
    await using state = await folder();
    const issuer = await start(state.path);
    const sockets = [Number(issuer.url.port), issuer.tlsPort].flatMap((port) => [
      connect(port),
      connect(port),
    ]);
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    sockets[0]?.write("POST /token HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc");
    const answered = fetch(new URL("/oauth2/v3/certs", issuer.url)).then((response) =>
      response.text(),
    );
    await answered;
    for (const socket of sockets) socket.on("error", () => {});
    const closed = Promise.all(sockets.map((socket) => once(socket, "close")));
    await issuer[Symbol.asyncDispose]();
    await closed;
    await issuer[Symbol.asyncDispose]();
  });
});

describe("key rotation", () => {
  it("publishes the new key, signs with it, and keeps the old one for its tokens' life", async () => {
    await using state = await folder();
    let currentMs = noonMs;
    await using issuer = await start(state.path, { nowMs: () => currentMs });
    const old = issuer.mint({ email, audience: "a" }).value;
    const { kid } = await issuer.rotate();
    const young = issuer.mint({ email, audience: "a" }).value;
    assert.equal(decodeProtectedHeader(young).kid, kid);
    assert.equal(await verifies(old, issuer.keySetJson, noonMs), true);
    assert.equal(await verifies(young, issuer.keySetJson, noonMs), true);
    currentMs += 3 * hourMs;
    await issuer.rotate();
    assert.equal(await verifies(old, issuer.keySetJson, noonMs), false);
    assert.equal(await verifies(young, issuer.keySetJson, noonMs), true);
  });

  it("can publish a key before it signs with it, also over a restart", async () => {
    await using state = await folder();
    let currentMs = noonMs;
    const nowMs = () => currentMs;
    const signer = (issuer: Awaited<ReturnType<typeof start>>) =>
      decodeProtectedHeader(issuer.mint({ email, audience: "a" }).value).kid;
    const first = await start(state.path, { nowMs });
    const oldKid = signer(first);
    const { kid } = await first.rotate({ signAfterMs: 1000 });
    assert.equal(JSON.parse(first.keySetJson).keys.length, 2);
    assert.equal(signer(first), oldKid);
    await first[Symbol.asyncDispose]();
    await using second = await start(state.path, { nowMs });
    currentMs += 999;
    assert.equal(signer(second), oldKid);
    currentMs += 1;
    assert.equal(signer(second), kid);
    currentMs = 0;
    assert.equal(signer(second), oldKid, "a clock set back behind all keys leaves the oldest");
  });

  it("publishes no more than eight keys, however often it rotates", async () => {
    await using state = await folder();
    await using issuer = await start(state.path);
    for (let i = 0; i < 9; i++) await issuer.rotate();
    const { keys } = JSON.parse(issuer.keySetJson);
    assert.equal(keys.length, 8);
    assert.equal(
      await verifies(issuer.mint({ email, audience: "a" }).value, issuer.keySetJson, noonMs),
      true,
    );
  });
});

import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Answer, startAnswering, testTls } from "../../test/answering-server.ts";
import { googleClaims, TokenMaker } from "../../test/token-maker.ts";
import { keyFileTokens } from "./key-file-tokens.ts";
import { MintError } from "./mint-error.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const audience = "grpcs://grpc-gateway-1";
const email = "gateway-client-sa@p.iam.gserviceaccount.com";

describe("keyFileTokens", () => {
  let maker: TokenMaker;
  let folder: string;
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  before(() => {
    maker = new TokenMaker();
    folder = mkdtempSync(join(tmpdir(), "key-file-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const keyFor = (tokenUri: URL, more: object = {}) => ({
    type: "service_account",
    client_email: email,
    private_key: pem,
    private_key_id: "k1",
    token_uri: tokenUri.href,
    ...more,
  });
  const minting: Answer = ({ body }) => {
    const { target_audience: asked } = claimsOf(body);
    return JSON.stringify({ id_token: maker.mint(googleClaims(noonMs, String(asked), email)) });
  };

  it("exchanges a signed assertion at the file's own token_uri", async () => {
    await using server = await startAnswering(minting);
    const tokenUri = new URL("/oauth/token", server.url);
    const token = await keyFileTokens({ key: keyFor(tokenUri) })(audience);
    assert.equal(token.expiresAtMs, noonMs + 3_600_000);
    const [request] = server.requests;
    assert.partialDeepStrictEqual(request, { method: "POST", path: "/oauth/token" });
    assert.match(request?.headers["content-type"] ?? "", /x-www-form-urlencoded/);
    const form = new URLSearchParams(request?.body);
    assert.equal(form.get("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    const [head = "", payload = "", signature = ""] = form.get("assertion")?.split(".") ?? [];
    const signed = Buffer.from(`${head}.${payload}`);
    assert.ok(verify("sha256", signed, publicKey, Buffer.from(signature, "base64url")));
  });

  it("names itself, the audience, and the endpoint as who may take the assertion", async () => {
    await using server = await startAnswering(minting);
    await keyFileTokens({ key: keyFor(server.url) })(audience);
    assert.partialDeepStrictEqual(claimsOf(server.requests[0]?.body ?? ""), {
      iss: email,
      aud: server.url.href,
      target_audience: audience,
    });
  });

  it("reads the file at every mint, so that a replaced one counts", async () => {
    await using first = await startAnswering(minting);
    await using second = await startAnswering(minting);
    const file = join(folder, "replaced.json");
    const mint = keyFileTokens({ file });
    for (const server of [first, second]) {
      writeFileSync(file, JSON.stringify(keyFor(server.url)));
      await mint(audience);
    }
    assert.deepEqual([first.requests.length, second.requests.length], [1, 1]);
  });

  it("trusts a local issuer's certificate by `ca`", async () => {
    await using server = await startAnswering(minting, testTls);
    const key = keyFor(server.url);
    await assert.rejects(keyFileTokens({ key })(audience), /self-signed certificate/);
    await keyFileTokens({ key, ca: [testTls.cert] })(audience);
  });

  it("passes on the issuer's refusal with a fix, and does not ask again", async () => {
    await using server = await startAnswering((_, response) => {
      response.statusCode = 400;
      return JSON.stringify({
        error: "invalid_grant",
        error_description: "Invalid JWT Signature.",
      });
    });
    await assert.rejects(
      keyFileTokens({ key: keyFor(server.url), name: "k.json" })(audience),
      (error: Error) => {
        assert.match(
          error.message,
          /no ID token for audience "grpcs:\/\/grpc-gateway-1" from .*token_uri of k\.json.*400: invalid_grant: Invalid JWT Signature.*make a new key/,
        );
        return error instanceof MintError && !error.isTransient;
      },
    );
    assert.equal(server.requests.length, 1);
  });

  it("asks once while the issuer is down: whoever keeps tokens decides when again", async () => {
    await using server = await startAnswering((_, response) => {
      response.statusCode = 503;
      return "";
    });
    await assert.rejects(
      keyFileTokens({ key: keyFor(server.url) })(audience),
      (error: Error) => error instanceof MintError && error.isTransient,
    );
    assert.equal(server.requests.length, 1);
  });

  it("refuses a token that is for the OAuth client instead of the audience", async () => {
    const wrong = { id_token: "" };
    await using server = await startAnswering(() => JSON.stringify(wrong));
    wrong.id_token = maker.mint(googleClaims(noonMs, "764086051850.apps.googleusercontent.com"));
    await assert.rejects(
      keyFileTokens({ key: keyFor(server.url) })(audience),
      /is for "764086051850.*Only service accounts mint for any audience/,
    );
  });

  it("refuses an answer without an ID token", async () => {
    await using server = await startAnswering(() => '{"access_token":"ya29.x"}');
    await assert.rejects(keyFileTokens({ key: keyFor(server.url) })(audience), /no id_token/);
  });

  it("stops at once when aborted", async () => {
    const asked = Promise.withResolvers<void>();
    await using server = await startAnswering(() => {
      asked.resolve();
      return undefined;
    });
    const stop = new AbortController();
    const token = keyFileTokens({ key: keyFor(server.url) })(audience, stop.signal);
    await asked.promise;
    stop.abort(new Error("not wanted any more"));
    await assert.rejects(token, /not wanted any more/);
  });

  const somewhere = new URL("http://127.0.0.1:1/token");
  for (const [what, text, expected] of [
    ["a missing file", undefined, /cannot read the key file .*(ENOENT)/],
    ["what is not JSON", "{", /not JSON/],
    ["user credentials", '{"type":"authorized_user"}', /type is "authorized_user"/],
    ["a key without email", { client_email: undefined }, /no client_email/],
    ["a damaged key", { private_key: "-----BEGIN X-----\nc2VjcmV0\n" }, /no PEM private key/],
    ["a token_uri that is none", { token_uri: "nowhere" }, /token_uri is no http/],
  ] as const)
    it(`refuses ${what}: names the file and the fix, quotes nothing`, async () => {
      const file = join(folder, "bad.json");
      rmSync(file, { force: true });
      if (text !== undefined)
        writeFileSync(
          file,
          typeof text === "string" ? text : JSON.stringify(keyFor(somewhere, text)),
        );
      await assert.rejects(keyFileTokens({ file })(audience), (error: Error) => {
        assert.match(error.message, expected);
        assert.ok(error.message.includes(file));
        assert.match(error.message, /gcloud iam service-accounts keys create/);
        assert.doesNotMatch(error.message, /BEGIN|c2VjcmV0/);
        return true;
      });
    });
});

function claimsOf(body: string): Record<string, unknown> {
  const assertion = new URLSearchParams(body).get("assertion") ?? "";
  const [, payload = ""] = assertion.split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString());
}

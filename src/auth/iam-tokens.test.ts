import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startAnswering } from "../../test/answering-server.ts";
import { googleClaims, TokenMaker } from "../../test/token-maker.ts";
import { iamTokens } from "./iam-tokens.ts";
import { metadataAccessTokens } from "./metadata-access-tokens.ts";
import { MintError } from "./mint-error.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const runUrl = "https://echo-1.us-central1.run.app";
const email = "gateway-sa@p.iam.gserviceaccount.com";

describe("iamTokens", () => {
  let maker: TokenMaker;
  before(() => {
    maker = new TokenMaker();
  });
  const accessToken = async () => "ya29.access";
  const minting = () =>
    startAnswering(() =>
      JSON.stringify({ token: maker.mint(googleClaims(noonMs, runUrl, email)) }),
    );

  it("TK-3: asks generateIdToken with the audience in the query, with email, as the bearer", async () => {
    await using server = await minting();
    const endpoint = `${server.url.origin}/`;
    const token = await iamTokens({ email, accessToken, endpoint })(runUrl);
    assert.equal(token.expiresAtMs, noonMs + 3_600_000);
    const [request] = server.requests;
    const url = new URL(request?.path ?? "", server.url);
    assert.equal(url.pathname, `/v1/projects/-/serviceAccounts/${email}:generateIdToken`);
    assert.equal(url.searchParams.get("audience"), runUrl);
    assert.equal(request?.method, "POST");
    assert.equal(request?.headers.authorization, "Bearer ya29.access");
    assert.deepEqual(JSON.parse(request?.body ?? ""), { includeEmail: true });
  });

  it("TK-3: names the delegates as resources", async () => {
    await using server = await minting();
    const delegates = ["d@p.iam.gserviceaccount.com"];
    await iamTokens({ email, accessToken, endpoint: server.url.origin, delegates })(runUrl);
    assert.deepEqual(JSON.parse(server.requests[0]?.body ?? ""), {
      includeEmail: true,
      delegates: ["projects/-/serviceAccounts/d@p.iam.gserviceaccount.com"],
    });
  });

  it("passes on Google's refusal and names the role", async () => {
    await using server = await startAnswering((_, response) => {
      response.statusCode = 403;
      return JSON.stringify({
        error: { code: 403, message: "Permission 'iam.serviceAccounts.getOpenIdToken' denied" },
      });
    });
    await assert.rejects(
      iamTokens({ email, accessToken, endpoint: server.url.origin })(runUrl),
      (error: Error) => {
        assert.match(
          error.message,
          /403: Permission 'iam.*denied.*roles\/iam.serviceAccountOpenIdTokenCreator on gateway-sa@/,
        );
        assert.doesNotMatch(error.message, /ya29/);
        return error instanceof MintError && !error.isTransient;
      },
    );
  });

  it("says that the access token was missing when it was", async () => {
    const none = async () => Promise.reject(new Error("metadata server down"));
    await assert.rejects(
      iamTokens({ email, accessToken: none })(runUrl),
      /no access token to ask with: metadata server down/,
    );
  });

  it("refuses an endpoint that is none, when made", () => {
    assert.throws(() => iamTokens({ email, accessToken, endpoint: "iam" }), /no address of IAM/);
  });
});

describe("metadataAccessTokens", () => {
  it("TK-4: keeps an access token until 60 s before it ends", async () => {
    let count = 0;
    await using server = await startAnswering(({ path, headers }) => {
      assert.equal(path, "/computeMetadata/v1/instance/service-accounts/default/token");
      assert.equal(headers["metadata-flavor"], "Google");
      return JSON.stringify({ access_token: `ya29.${++count}`, expires_in: 3600 });
    });
    const clock = { nowMs: noonMs };
    const accessToken = metadataAccessTokens({ host: server.url.host, nowMs: () => clock.nowMs });
    assert.equal(await accessToken(), "ya29.1");
    clock.nowMs += 3_539_999;
    assert.equal(await accessToken(), "ya29.1");
    clock.nowMs += 1;
    assert.equal(await accessToken(), "ya29.2");
  });

  for (const [what, answer, expected] of [
    ["that has ended", { access_token: "ya29.x", expires_in: 0 }, /already expired/],
    ["that is missing", { expires_in: 3600 }, /no access_token/],
    ["that no header may carry", { access_token: "a\nb", expires_in: 3600 }, /no access_token/],
  ] as const)
    it(`TK-4, TK-5: refuses an access token ${what}`, async () => {
      await using server = await startAnswering(() => JSON.stringify(answer));
      const accessToken = metadataAccessTokens({ host: server.url.host, nowMs: () => noonMs });
      await assert.rejects(accessToken(), expected);
    });
});

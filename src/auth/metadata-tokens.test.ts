import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startAnswering } from "../../test/answering-server.ts";
import { googleClaims, TokenMaker } from "../../test/token-maker.ts";
import { metadataTokens } from "./metadata-tokens.ts";
import { MintError } from "./mint-error.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const runUrl = "https://echo-1.us-central1.run.app";

describe("metadataTokens", () => {
  let maker: TokenMaker;
  before(() => {
    maker = new TokenMaker();
  });
  /** A metadata server that mints what is asked for. */
  const minting = () =>
    startAnswering(({ path }) => {
      const audience = new URL(path, "http://m").searchParams.get("audience") ?? "";
      return maker.mint(googleClaims(noonMs, audience));
    });

  it("TK-2: asks the identity endpoint with the flavour header, for a token of that audience", async () => {
    await using server = await minting();
    const mint = metadataTokens({ host: server.url.host, format: "standard" });
    const token = await mint(runUrl);
    assert.equal(token.expiresAtMs, noonMs + 3_600_000);
    const [request] = server.requests;
    assert.equal(
      request?.path,
      `/computeMetadata/v1/instance/service-accounts/default/identity?format=standard&audience=${runUrl}`,
    );
    assert.equal(request?.headers["metadata-flavor"], "Google");
    assert.equal(request?.headers["x-forwarded-for"], undefined);
  });

  it("asks for the email too unless told otherwise", async () => {
    await using server = await minting();
    await metadataTokens({ host: server.url.host })(runUrl);
    assert.match(server.requests[0]?.path ?? "", /\?format=full&/);
  });

  for (const audience of ["grpcs://a?x&y=1", "a b+c#d%20é", "grpcs://grpc-gateway-1"])
    it(`brings the audience ${audience} there whole`, async () => {
      await using server = await minting();
      const mint = metadataTokens({ host: server.url.origin });
      await mint(audience); // rejects when the token is for another audience
      assert.equal(server.requests.length, 1);
    });

  for (const [what, body, expected] of [
    ["an HTML page", "<html>not a metadata server</html>", /is no token/],
    [
      "an access token",
      "ya29.secret-access-token",
      /no ID token.*an access token is something else/,
    ],
    ["nothing", "", /is no token/],
  ] as const)
    it(`refuses ${what} without quoting it`, async () => {
      await using server = await startAnswering(() => body);
      await assert.rejects(metadataTokens({ host: server.url.host })(runUrl), (error: Error) => {
        assert.match(error.message, expected);
        assert.doesNotMatch(error.message, /secret/);
        return error instanceof MintError && !error.isTransient;
      });
    });

  it("refuses a token for another audience, naming both", async () => {
    await using server = await startAnswering(() => maker.mint(googleClaims(noonMs, "other")));
    await assert.rejects(
      metadataTokens({ host: server.url.host })(runUrl),
      /audience "https:\/\/echo-1.*the token it minted is for "other"/,
    );
  });

  it("TK-4: passes what is no JWT as it is where the clock is given, for 3599 s", async () => {
    await using server = await startAnswering(() => "an-opaque-token\n");
    const mint = metadataTokens({ host: server.url.host, nowMs: () => noonMs });
    assert.deepEqual(await mint(runUrl), {
      value: "an-opaque-token",
      expiresAtMs: noonMs + 3_599_000,
    });
  });

  it("TK-5: refuses characters that are illegal in a header also then", async () => {
    await using server = await startAnswering(() => "a\u0001b");
    const mint = metadataTokens({ host: server.url.host, nowMs: () => noonMs });
    await assert.rejects(mint(runUrl), /is no token/);
  });

  it("says which server failed and that asking again may help", async () => {
    await using server = await startAnswering((_, response) => {
      response.statusCode = 503;
      return "try later";
    });
    await assert.rejects(metadataTokens({ host: server.url.host })(runUrl), (error: Error) => {
      assert.match(error.message, new RegExp(`${server.url.host}: it answered 503: try later`));
      return error instanceof MintError && error.isTransient;
    });
  });

  it("says what to do where there is no metadata server", async () => {
    const server = await minting();
    await server[Symbol.asyncDispose]();
    await assert.rejects(
      metadataTokens({ host: server.url.host })(runUrl),
      /ECONNREFUSED.*Outside Google Cloud there is no metadata server.*GCE_METADATA_HOST/,
    );
  });

  it("refuses a host that is none, when made", () => {
    assert.throws(() => metadataTokens({ host: "http://h/path" }), /is no metadata host.*127/);
  });
});

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, afterEach, before, describe, it } from "node:test";
import { startAnswering } from "../../test/answering-server.ts";
import { googleClaims, TokenMaker } from "../../test/token-maker.ts";
import { adcTokens } from "./adc-tokens.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const audience = "grpcs://a?x&y=1";
const email = "gateway-client-sa@p.iam.gserviceaccount.com";

describe("adcTokens", () => {
  let maker: TokenMaker;
  let folder: string;
  const saved = { ...process.env };
  before(() => {
    maker = new TokenMaker();
    folder = mkdtempSync(join(tmpdir(), "adc-"));
    process.env.CLOUDSDK_CONFIG = folder;
    process.env.NO_PROXY = "127.0.0.1";
  });
  afterEach(() => {
    for (const name of ["GOOGLE_APPLICATION_CREDENTIALS", ...metadataNames]) restore(name);
  });
  after(() => {
    for (const name of ["CLOUDSDK_CONFIG", "NO_PROXY"]) restore(name);
    rmSync(folder, { recursive: true });
  });
  const metadataNames = ["GCE_METADATA_HOST", "METADATA_SERVER_DETECTION"];
  const restore = (name: string) => {
    if (saved[name] === undefined) delete process.env[name];
    else process.env[name] = saved[name];
  };
  const use = (credentials: object) => {
    const file = join(folder, "credentials.json");
    writeFileSync(file, JSON.stringify(credentials));
    process.env.GOOGLE_APPLICATION_CREDENTIALS = file;
  };
  const minted = () => maker.mint(googleClaims(noonMs, audience, email));

  it("mints by a service-account key at the key's own token_uri", async () => {
    await using server = await startAnswering(() => JSON.stringify({ id_token: minted() }));
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    use({
      type: "service_account",
      client_email: email,
      private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
      token_uri: server.url.href,
    });
    assert.equal((await adcTokens()(audience)).expiresAtMs, noonMs + 3_600_000);
    assert.equal(server.requests.length, 1);
  });

  it("mints by the metadata server, whatever characters the audience has", async () => {
    await using server = await startAnswering(({ path }, response) => {
      response.setHeader("metadata-flavor", "Google");
      const asked = new URL(path, "http://m").searchParams.get("audience");
      return asked === audience ? minted() : "";
    });
    process.env.GCE_METADATA_HOST = server.url.host;
    process.env.METADATA_SERVER_DETECTION = "assume-present";
    assert.equal((await adcTokens()(audience)).expiresAtMs, noonMs + 3_600_000);
  });

  it("refuses user credentials, whose tokens are for the OAuth client, and says what to do", async () => {
    use({ type: "authorized_user", client_id: "c", client_secret: "s3cret", refresh_token: "r3f" });
    await assert.rejects(adcTokens()(audience), (error: Error) => {
      assert.match(
        error.message,
        /type authorized_user, which cannot mint an ID token for an audience.*Impersonate a service account.*--impersonate/,
      );
      assert.doesNotMatch(error.message, /s3cret|r3f/);
      return true;
    });
  });

  describe("with workload identity federation", () => {
    const external = (tokenUrl: URL) => {
      const subject = join(folder, "subject-token");
      writeFileSync(subject, "subject");
      return {
        type: "external_account",
        audience:
          "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
        token_url: new URL("/sts", tokenUrl).href,
        credential_source: { file: subject },
      };
    };

    it("refuses without an account to impersonate", async () => {
      use(external(new URL("http://127.0.0.1:1")));
      await assert.rejects(adcTokens()(audience), /type external_account, which cannot mint/);
    });

    it("mints as the account it impersonates", async () => {
      await using server = await startAnswering(({ path }, response) => {
        response.setHeader("content-type", "application/json");
        return JSON.stringify(
          path === "/sts"
            ? { access_token: "federated", token_type: "Bearer", expires_in: 3600 }
            : { token: minted() },
        );
      });
      use(external(server.url));
      await adcTokens({ impersonate: email, endpoint: server.url.origin })(audience);
      const request = server.requests.at(-1);
      assert.match(request?.path ?? "", new RegExp(`serviceAccounts/${email}:generateIdToken`));
      assert.equal(request?.headers.authorization, "Bearer federated");
    });
  });

  it("says what was looked for when the file is missing, and finds it once it is there", async () => {
    process.env.GOOGLE_APPLICATION_CREDENTIALS = join(folder, "missing.json");
    const mint = adcTokens();
    await assert.rejects(
      mint(audience),
      /no ID token for audience .* from Application Default Credentials: .*GOOGLE_APPLICATION_CREDENTIALS.*does not exist.*gcloud auth application-default login/,
    );
    use({ type: "authorized_user", client_id: "c", client_secret: "s", refresh_token: "r" });
    await assert.rejects(mint(audience), /type authorized_user/);
  });
});

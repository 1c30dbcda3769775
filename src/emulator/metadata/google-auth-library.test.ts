import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { openLocalCa } from "../ca.ts";
import { startIssuer } from "../issuer/start-issuer.ts";
import { startMetadataServer } from "./start-metadata-server.ts";

const email = "gateway-client-sa@callpath-local.iam.gserviceaccount.com";

describe("google-auth-library, unmodified", () => {
  it("takes the metadata server for Google's: identity, token, account and project", async () => {
    await using state = await mkdtempDisposable(join(tmpdir(), "callpath-metadata-"));
    const stateDir = state.path;
    const nowMs = Date.now;
    await using issuer = await startIssuer({
      stateDir,
      ca: openLocalCa(stateDir, { nowMs }),
      nowMs,
    });
    await using server = await startMetadataServer({
      issuer,
      email,
      projectId: "callpath-local",
      projectNumber: "123456789012",
      region: "us-central1",
      instanceId: "00bf4bf02d01cf61",
      nowMs,
    });
    const program = `
      import { GoogleAuth } from "google-auth-library";
      const auth = new GoogleAuth({ scopes: "https://www.googleapis.com/auth/cloud-platform" });
      const client = await auth.getIdTokenClient("https://echo.example/?a=1");
      const headers = await client.getRequestHeaders();
      const aud = JSON.parse(Buffer.from(headers.get("authorization").split(".")[1], "base64url")).aud;
      const access = await auth.getAccessToken();
      const { client_email } = await auth.getCredentials();
      console.log(JSON.stringify({ aud, access, client_email, project: await auth.getProjectId() }));
    `;
    const env = {
      PATH: process.env.PATH,
      HOME: stateDir,
      GCE_METADATA_HOST: server.host,
      METADATA_SERVER_DETECTION: "ping-only",
    };
    const args = ["--input-type=module", "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env,
      cwd: import.meta.dirname,
      timeout: 20_000,
    });
    const { access, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, {
      aud: "https://echo.example/?a=1",
      client_email: email,
      project: "callpath-local",
    });
    assert.equal(issuer.checkAccessToken(access)?.email, email);
  });
});

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { openLocalCa } from "../ca.ts";
import { type RunningIssuer, startIssuer } from "../issuer/start-issuer.ts";
import { type MetadataServer, startMetadataServer } from "./start-metadata-server.ts";

const noonMs = Date.UTC(2026, 0, 1, 12);
const nowMs = () => noonMs;
const email = "gateway-client-sa@callpath-local.iam.gserviceaccount.com";
const facts = {
  email,
  projectId: "callpath-local",
  projectNumber: "123456789012",
  region: "us-central1",
  instanceId: "00bf4bf02d01cf61",
};
const google = { "metadata-flavor": "Google" };

describe("startMetadataServer", () => {
  let stateDir: string;
  let issuer: RunningIssuer;
  let server: MetadataServer;
  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "callpath-metadata-"));
    issuer = await startIssuer({ stateDir, ca: openLocalCa(stateDir, { nowMs }), nowMs });
    server = await startMetadataServer({ ...facts, issuer, nowMs });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
    await rm(stateDir, { recursive: true });
  });

  const get = (
    path: string,
    headers: Record<string, string> = google,
    redirect: "manual" | "follow" = "manual",
  ) =>
    fetch(`http://${server.host}${path}`, {
      headers: { connection: "close", ...headers },
      redirect,
    });
  const read = async (path: string) => {
    const response = await get(`/computeMetadata/v1/${path}`);
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get("metadata-flavor"), "Google", path);
    return response.text();
  };

  for (const [path, expected] of [
    ["project/project-id", "callpath-local"],
    ["project/numeric-project-id", "123456789012"],
    ["instance/id", "00bf4bf02d01cf61"],
    ["instance/region", "projects/123456789012/regions/us-central1"],
    ["instance/zone", "projects/123456789012/zones/us-central1-1"],
    ["instance/service-accounts/default/email", email],
    ["instance/service-accounts/default/aliases", "default"],
    ["instance/service-accounts/default/scopes", "https://www.googleapis.com/auth/cloud-platform"],
    [`instance/service-accounts/${email}/email`, email],
    [`instance/service-accounts/${encodeURIComponent(email)}/email`, email],
    ["universe/universe-domain", "googleapis.com"],
    ["", "instance/\nproject/\nuniverse/\n"],
    ["instance/", "id\nregion\nservice-accounts/\nzone\n"],
    ["instance/service-accounts/", `default/\n${email}/\n`],
    ["instance/service-accounts/default/", "aliases\nemail\nidentity\nscopes\ntoken\n"],
    ["instance/id?alt=json", '"00bf4bf02d01cf61"'],
    [
      "project/?recursive=true&alt=text",
      "numeric-project-id 123456789012\nproject-id callpath-local\n",
    ],
  ] as const) {
    it(`answers ${path || "its root"}`, async () => {
      assert.equal(await read(path), expected);
    });
  }

  it("lists recursively as JSON, in camel case", async () => {
    const account = {
      aliases: ["default"],
      email,
      scopes: ["https://www.googleapis.com/auth/cloud-platform"],
    };
    assert.deepEqual(JSON.parse(await read("instance/?recursive=true")), {
      id: "00bf4bf02d01cf61",
      region: "projects/123456789012/regions/us-central1",
      serviceAccounts: { default: account, [email]: account },
      zone: "projects/123456789012/zones/us-central1-1",
    });
    assert.deepEqual(
      JSON.parse(await read("instance/service-accounts/default/?recursive=true")),
      account,
    );
  });

  it("sends who leaves out a directory's slash there", async () => {
    const moved = await get("/computeMetadata/v1/instance?recursive=true");
    assert.equal(moved.status, 301);
    assert.equal(moved.headers.get("location"), "/computeMetadata/v1/instance/?recursive=true");
    assert.equal(moved.headers.get("metadata-flavor"), "Google");
    const followed = await get("/computeMetadata/v1", google, "follow");
    assert.equal(followed.status, 200);
  });

  for (const path of [
    "instance/nope",
    "instance/id/",
    "instance/id/more",
    "instance/service-accounts/other@callpath-local.iam.gserviceaccount.com/token",
    "instance/service-accounts/default/identity/",
    "instance/__proto__",
    "instance/service-accounts/constructor/token",
    "%ff",
    "../v2/instance/id",
  ]) {
    it(`answers 404 in HTML to ${path}`, async () => {
      const response = await get(`/computeMetadata/v1/${path}`);
      assert.equal(response.status, 404);
      assert.equal(response.headers.get("content-type"), "text/html; charset=UTF-8");
      assert.match(await response.text(), /Error 404 \(Not Found\)/);
    });
  }

  it("refuses who does not say Metadata-Flavor: Google, and says the header on every answer", async () => {
    for (const headers of [{}, { "metadata-flavor": "google" }, { "metadata-flavor": "" }]) {
      const response = await get(
        "/computeMetadata/v1/instance/service-accounts/default/token",
        headers,
      );
      assert.equal(response.status, 403);
      assert.equal(response.headers.get("metadata-flavor"), "Google");
      assert.match(await response.text(), /Missing Metadata-Flavor:Google header/);
    }
  });

  it("refuses what came through a proxy, and every method but GET", async () => {
    const forwarded = { ...google, "x-forwarded-for": "10.0.0.1" };
    assert.equal((await get("/computeMetadata/v1/instance/id", forwarded)).status, 403);
    const url = `http://${server.host}/computeMetadata/v1/instance/id`;
    const post = await fetch(url, { method: "POST", headers: { ...google, connection: "close" } });
    assert.equal(post.status, 405);
    await post.text();
  });

  it("can be detected at / without the header", async () => {
    const response = await get("/", {});
    assert.equal(response.headers.get("metadata-flavor"), "Google");
    assert.equal(await response.text(), "computeMetadata/\n");
  });

  describe("identity", () => {
    const identity = (query: string) => read(`instance/service-accounts/default/identity?${query}`);

    it("is an ID token of the account for the audience, signed by the issuer", async () => {
      const token = await identity("audience=https://echo.example&format=standard");
      const keys = createLocalJWKSet(JSON.parse(issuer.keySetJson));
      const { payload } = await jwtVerify(token, keys, {
        issuer: "https://accounts.google.com",
        audience: "https://echo.example",
        currentDate: new Date(noonMs),
      });
      assert.deepEqual(Object.keys(payload).sort(), [
        "aud",
        "azp",
        "email",
        "email_verified",
        "exp",
        "iat",
        "iss",
        "sub",
      ]);
      assert.equal(payload.email, email);
      assert.equal(payload.email_verified, true);
      assert.equal(payload.exp, noonMs / 1000 + 3600);
      assert.match(String(payload.sub), /^1\d{20}$/);
      assert.equal(payload.azp, payload.sub);
    });

    it("takes an escaped audience whole, and of an unescaped one what stands before the &", async () => {
      const audience = "grpcs://a b?x=1&y=ü#z";
      assert.equal(
        decodeJwt(await identity(`audience=${encodeURIComponent(audience)}`)).aud,
        audience,
      );
      assert.equal(decodeJwt(await identity("audience=grpcs://a?x&y=1")).aud, "grpcs://a?x");
    });

    it("names the instance in format=full", async () => {
      const { google: claims } = decodeJwt(await identity("audience=a&format=full"));
      assert.partialDeepStrictEqual(claims, {
        compute_engine: {
          instance_id: facts.instanceId,
          project_id: "callpath-local",
          project_number: 123456789012,
        },
      });
    });

    for (const query of ["", "?audience=", "?audience=a&format=wide"]) {
      it(`answers 400 to identity${query}`, async () => {
        const response = await get(
          `/computeMetadata/v1/instance/service-accounts/default/identity${query}`,
        );
        assert.equal(response.status, 400);
        await response.text();
      });
    }
  });

  it("hands out access tokens with the scopes asked for", async () => {
    const answer = JSON.parse(await read("instance/service-accounts/default/token?scopes=a,b"));
    assert.deepEqual(Object.keys(answer).sort(), ["access_token", "expires_in", "token_type"]);
    assert.equal(answer.expires_in, 3599);
    assert.equal(answer.token_type, "Bearer");
    assert.partialDeepStrictEqual(issuer.checkAccessToken(answer.access_token), {
      email,
      scopes: ["a", "b"],
    });
    const all = JSON.parse(await read("instance/service-accounts/default/token"));
    assert.deepEqual(issuer.checkAccessToken(all.access_token)?.scopes, [
      "https://www.googleapis.com/auth/cloud-platform",
    ]);
  });

  it("lies when told to: a token for another audience, one that expired", async () => {
    const path = "instance/service-accounts/default/identity?audience=a";
    server.setFault({ lie: "wrong-audience" });
    assert.equal(decodeJwt(await read(path)).aud, "https://not.what.was.asked");
    server.setFault({ lie: "expired" });
    assert.equal(decodeJwt(await read(path)).exp, noonMs / 1000 - 3600);
    server.setFault(undefined);
    assert.equal(decodeJwt(await read(path)).aud, "a");
  });

  it("does wrong when told to: down, then well again", async () => {
    server.setFault({ down: true, path: /token$/ });
    assert.equal(
      (await get("/computeMetadata/v1/instance/service-accounts/default/token")).status,
      503,
    );
    assert.equal((await get("/computeMetadata/v1/instance/id")).status, 200);
    server.setFault(undefined);
    assert.equal(
      (await get("/computeMetadata/v1/instance/service-accounts/default/token")).status,
      200,
    );
  });
});

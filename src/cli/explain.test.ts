import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openLocalCa } from "../emulator/ca.ts";
import { type RunningIssuer, startIssuer } from "../emulator/issuer/start-issuer.ts";
import { runCallpath } from "./dev-fixture.test.ts";

const audience = "grpcs://grpc-gateway-1";
const client = "gateway-client-sa@p.iam.gserviceaccount.com";
const method = "echo.EchoServer/SayHello";

describe("callpath explain", () => {
  let folder: string;
  let issuer: RunningIssuer;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "callpath-explain-"));
    const ca = openLocalCa(join(folder, "state"), { nowMs: Date.now });
    issuer = await startIssuer({ stateDir: join(folder, "state"), ca, nowMs: Date.now });
    for (const path of ["gen", "gateway", "server"]) await mkdir(join(folder, path));
    for (const path of [
      "gen/descriptor.pb",
      "gateway/api_config.yaml",
      "server/access.yaml",
      "callpath.yaml",
    ])
      cpSync(path, join(folder, path));
  });
  after(async () => {
    await issuer[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const values = [
    "MANAGED_SERVICE=s.apigateway.p.cloud.goog",
    "ADDRESS=run.example",
    "RUN_URL=https://run.example",
    "PROJECT_ID=p",
  ];
  async function explain(token: string | undefined, ...flags: readonly string[]) {
    const set = values.flatMap((value) => ["--set", value]);
    const jwks = ["--jwks", `${issuer.url.origin}/oauth2/v1/certs`];
    const all = [
      "explain",
      ...set,
      ...jwks,
      ...(token === undefined ? [] : ["--token", "-"]),
      ...flags,
    ];
    return runCallpath(folder, all, token);
  }
  const mint = (email: string, aud = audience, lifetimeS = 3600) =>
    issuer.mint({ email, audience: aud, lifetimeS }).value;

  it("answers 0 and walks every rule of a call that is let in", async () => {
    const { code, out, err } = await explain(mint(client));
    assert.equal(code, 0, err);
    assert.match(out, /^OK\n/);
    for (const rule of ["route", "issuer", "time", "audience", "signature"])
      assert.match(out, new RegExp(`\\n {4}${rule} .* ok\\n`));
    assert.match(out, /server +server\/access\.yaml:3 allows serviceAccount:gateway-client-sa@p\./);
  });

  for (const [what, token, hop, reason, gRPC] of [
    ["no token", () => undefined, "gateway", "TOKEN_MISSING", "UNAUTHENTICATED"],
    [
      "an expired token",
      () => mint(client, audience, -3600),
      "gateway",
      "TOKEN_EXPIRED",
      "UNAUTHENTICATED",
    ],
    [
      "a token for another audience",
      () => mint(client, "https://wrong"),
      "gateway",
      "AUDIENCE_MISMATCH",
      "PERMISSION_DENIED",
    ],
    [
      "a token with another's signature",
      () => `${mint("eve@e.com").replace(/[^.]+$/, "")}${mint(client).split(".")[2]}`,
      "gateway",
      "SIGNATURE_INVALID",
      "UNAUTHENTICATED",
    ],
    ["no token at all, but words", () => "hello", "gateway", "TOKEN_MALFORMED", "UNAUTHENTICATED"],
    [
      "a principal that access.yaml does not name",
      () => mint("eve@example.com"),
      "server",
      "ACCESS_DENIED",
      "PERMISSION_DENIED",
    ],
  ] as const)
    it(`answers 1 for ${what}: ${reason} by hop ${hop}`, async () => {
      const { code, out, err } = await explain(token(), "--json");
      assert.equal(code, 1, err);
      const story = JSON.parse(out) as { steps: unknown[] };
      assert.partialDeepStrictEqual(story, { verdict: "rejected", hop, reason, code: gRPC });
      assert.ok(story.steps.length > 0);
    });

  it("names a method that the gateway does not serve", async () => {
    const { code, out } = await explain(
      mint(client),
      "--json",
      "--method",
      "echo.EchoServer.SayBye",
    );
    assert.equal(code, 1);
    assert.partialDeepStrictEqual(JSON.parse(out), {
      reason: "METHOD_NOT_FOUND",
      code: "UNIMPLEMENTED",
    });
  });

  it("says that the signature was not checked where keys cannot be had", async () => {
    const { code, out, err } = await explain(
      mint(client),
      "--jwks",
      `${issuer.url.origin}/nowhere`,
    );
    assert.equal(code, 0);
    assert.match(
      err,
      /the signature was not checked: keys of http:\/\/127\.0\.0\.1:\d+\/nowhere: HTTP 404/,
    );
    assert.match(out, /signature +not looked at/);
  });

  for (const [what, flags, words] of [
    ["a config that is not there", ["--config", "no.yaml"], /no\.yaml: no such file/],
    ["a token file that is not there", ["--token", "no.txt"], /no\.txt: no such file/],
    ["what is no method", ["--method", "SayHello"], /--method SayHello: write SERVICE\/METHOD/],
  ] as const)
    it(`refuses ${what} with exit 2`, async () => {
      const { code, err } = await explain(undefined, ...flags);
      assert.equal(code, 2);
      assert.match(err, words);
    });

  it("names each unset template name with its line", async () => {
    const { code, err } = await runCallpath(folder, ["explain", "--method", method]);
    assert.equal(code, 2);
    assert.match(err, /gateway\/api_config\.yaml:\d+:\d+: error: \$MANAGED_SERVICE has no value/);
  });
});

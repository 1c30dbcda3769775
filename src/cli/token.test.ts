import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openLocalCa } from "../emulator/ca.ts";
import { type RunningIssuer, startIssuer } from "../emulator/issuer/start-issuer.ts";
import { claimDevState } from "./dev/dev-state.ts";
import { type LocalFace, startLocalFace } from "./dev/local-face.ts";
import { TrafficRing } from "./dev/traffic-ring.ts";
import { runProgram } from "./program.ts";
import { token } from "./token.ts";
import { fakeWorld } from "./world-fixture.test.ts";

const program = { version: "0", commands: [token], laterCommands: [] };
const client = "gateway-client-sa@callpath-local.iam.gserviceaccount.com";
const audience = "grpcs://grpc-gateway-1";

describe("callpath token", () => {
  let folder: string;
  let stateDir: string;
  let issuer: RunningIssuer;
  let face: LocalFace;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "callpath-token-"));
    stateDir = join(folder, ".callpath");
    const ca = openLocalCa(stateDir, { nowMs: Date.now });
    issuer = await startIssuer({ stateDir, ca, nowMs: Date.now });
    const clientKey = join(folder, "client.json");
    await writeFile(clientKey, JSON.stringify(await issuer.keyFileFor(client)));
    face = await startLocalFace({
      facts: () => ({
        gateway: "https://localhost:1",
        run: "https://localhost:2",
        issuer: issuer.url.origin,
        metadata: "127.0.0.1:3",
        controlPlane: null,
        console: null,
        ca: ca.certFile,
        clientKey,
        config: "",
        image: "",
        access: undefined,
        values: {},
        audience,
        service: "echo",
        gatewayAccount: "gateway-sa@callpath-local.iam.gserviceaccount.com",
        gatewayMayInvoke: true,
      }),
      mint: (email, aud) => issuer.mint({ email, audience: aud }),
      traffic: new TrafficRing(),
    });
    await claimDevState(stateDir, { pid: 1, face: face.origin, secret: face.secret });
  });
  after(async () => {
    await face[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function run(argv: readonly string[], parts: Parameters<typeof fakeWorld>[0] = {}) {
    const world = fakeWorld({ cwd: folder, ...parts });
    const code = await runProgram(program, ["token", ...argv], world);
    return { code, out: world.out(), err: world.err() };
  }
  const claimsOf = (value: string) =>
    JSON.parse(Buffer.from(value.split(".")[1] ?? "", "base64url").toString()) as Record<
      string,
      unknown
    >;

  it("mints with the key of the running dev, for its gateway, to a pipe", async () => {
    const { code, out, err } = await run([]);
    assert.equal(code, 0, err);
    assert.partialDeepStrictEqual(claimsOf(out.trim()), { aud: audience, email: client });
  });

  it("mints as anybody with the running dev", async () => {
    const { out } = await run(["--as", "eve@example.com", "--audience", "x"]);
    assert.partialDeepStrictEqual(claimsOf(out.trim()), { aud: "x", email: "eve@example.com" });
  });

  it("mints with a key file", async () => {
    const keyFile = join(folder, "client.json");
    const { out } = await run(["--service-account", keyFile, "--audience", "y", "--json"]);
    const { token: value, expiresAt } = JSON.parse(out) as { token: string; expiresAt: string };
    assert.partialDeepStrictEqual(claimsOf(value), { aud: "y", email: client });
    assert.ok(Date.parse(expiresAt) > Date.now());
  });

  it("never prints one to a terminal, unless told to", async () => {
    const refused = await run([], { isTerminal: true });
    assert.equal(refused.code, 2);
    assert.equal(refused.out, "");
    assert.match(refused.err, /--show/);
    const shown = await run(["--show"], { isTerminal: true });
    assert.equal(shown.code, 0);
    assert.equal(shown.out.trim().split(".").length, 3);
  });

  for (const [what, argv, words] of [
    ["two callers", ["--as", "a@b.c", "--impersonate", "d@e.f"], /one caller at a time/],
    ["a caller that is no email", ["--as", "eve"], /write an email/],
    ["a key file that is not there", ["--service-account", "no.json"], /no\.json/],
    ["an operand it does not know", ["mint"], /unexpected argument mint/],
    ["inspect without a file", ["inspect"], /inspect needs FILE/],
    ["--keep", ["--keep", "dir"], /not available yet/],
  ] as const)
    it(`refuses ${what} with exit 2`, async () => {
      const { code, out, err } = await run(argv);
      assert.equal(code, 2);
      assert.equal(out, "");
      assert.match(err, words);
    });

  it("refuses --as and a missing audience where no dev runs", async () => {
    const state = join(folder, "elsewhere");
    assert.match(
      (await run(["--as", "a@b.c", "--state", state, "--audience", "x"])).err,
      /needs a running callpath dev/,
    );
    assert.match((await run(["--state", state])).err, /--audience AUD is needed/);
  });

  describe("inspect", () => {
    it("shows header, claims, validity and a good signature", async () => {
      const { value } = issuer.mint({ email: client, audience });
      const { code, out } = await run(["inspect", "-"], { stdin: `Bearer ${value}\n` });
      assert.equal(code, 0);
      assert.match(out, /alg +RS256/);
      assert.match(out, /aud +grpcs:\/\/grpc-gateway-1/);
      assert.match(out, /validity +live: 60 min left of 60 min/);
      assert.match(out, /signature +good, by a key of the running callpath dev/);
      assert.ok(!out.includes(value.split(".")[2] ?? "?"));
    });

    it("reads a file, and answers JSON only with --json", async () => {
      const { value } = issuer.mint({ email: client, audience, lifetimeS: -3600 });
      await writeFile(join(folder, "token.txt"), value);
      const { code, out } = await run(["inspect", "token.txt", "--json"]);
      assert.equal(code, 0);
      assert.partialDeepStrictEqual(JSON.parse(out), {
        claims: { email: client },
        isLive: false,
        validity: "expired 60 min ago",
        signature: { ok: true },
      });
    });

    it("answers 1 when the signature is another's", async () => {
      const [header, , signature] = issuer.mint({ email: client, audience }).value.split(".");
      const [, payload] = issuer.mint({ email: "eve@example.com", audience }).value.split(".");
      const { code, out } = await run(["inspect", "-"], {
        stdin: `${header}.${payload}.${signature}`,
      });
      assert.equal(code, 1);
      assert.match(out, /signature +refused: wrong: not made with the key/);
    });

    it("says that Cloud Run took the signature away", async () => {
      const [header, payload] = issuer.mint({ email: client, audience }).value.split(".");
      const { code, out } = await run(["inspect", "-"], {
        stdin: `${header}.${payload}.SIGNATURE_REMOVED_BY_GOOGLE`,
      });
      assert.equal(code, 0);
      assert.match(out, /signature +not checked: removed by Cloud Run/);
    });

    it("takes keys from --jwks, and says when they cannot be had", async () => {
      const { value } = issuer.mint({ email: client, audience });
      const stdin = value;
      const good = await run(["inspect", "-", "--jwks", `${issuer.url.origin}/oauth2/v1/certs`], {
        stdin,
      });
      assert.match(good.out, /signature +good/);
      const bad = await run(["inspect", "-", "--jwks", `${issuer.url.origin}/nothing`], { stdin });
      assert.equal(bad.code, 0);
      assert.match(bad.out, /signature +not checked: 127.0.0.1:\d+: HTTP 404/);
    });

    for (const [what, stdin, words] of [
      ["nothing", "", /the input is empty/],
      ["an access token", "ya29.a0AfH6SM", /an access token, no ID token/],
      ["a word", "hello", /no ID token/],
    ] as const)
      it(`refuses ${what} with exit 2`, async () => {
        const { code, err } = await run(["inspect", "-"], { stdin });
        assert.equal(code, 2);
        assert.match(err, words);
      });
  });
});

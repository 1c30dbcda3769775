import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Code } from "@connectrpc/connect";
import { openLocalCa } from "../emulator/ca.ts";
import { FakeProcess } from "./fake-process-fixture.test.ts";
import { startTestIssuer } from "./issuer-fixture.test.ts";
import { bearer } from "./principal-fixture.test.ts";
import { callRaw } from "./raw-client-fixture.test.ts";

const local = ["--grpcport", "127.0.0.1:0"];
const alone = [...local, "--useMetadata=false"];

describe("runServer", () => {
  for (const signal of ["SIGTERM", "SIGINT"])
    it(`serves until ${signal}, then ends with 0; a second one finds no listener of its own`, async () => {
      const program = new FakeProcess(alone);
      const { grpcStatus } = await callRaw(await program.url(), []);
      assert.equal(grpcStatus, 0);
      const ended = program.stop(signal);
      assert.equal(program.listenerCount("SIGTERM") + program.listenerCount("SIGINT"), 0);
      assert.equal(await ended, 0);
    });

  it("warns in one line where everybody may call everything", async () => {
    const program = new FakeProcess(alone);
    await program.url();
    await program.stop();
    const warnings = program.entries.filter(({ severity }) => severity === "WARNING");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]?.message ?? "", /everybody may call everything.*--access FILE/);
  });

  it("asks the metadata server for the instance id and the project", async () => {
    const asked: (string | undefined)[] = [];
    const metadata = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers["metadata-flavor"]}`);
      response.end(request.url?.endsWith("instance/id") ? "00bf4bf02d01cf61" : "my-project");
    });
    metadata.listen(0, "127.0.0.1");
    await once(metadata, "listening");
    const { port } = metadata.address() as AddressInfo;
    const env = { GCE_METADATA_HOST: `127.0.0.1:${port}`, K_REVISION: "inventory-00001-kow" };
    const program = new FakeProcess(local, env);
    await callRaw(await program.url(), [
      "traceparent",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ]);
    await program.stop();
    metadata.close();
    assert.deepEqual(asked, [
      "/computeMetadata/v1/instance/id Google",
      "/computeMetadata/v1/project/project-id Google",
    ]);
    const call = program.entries.find(({ callpath }) => callpath !== undefined);
    assert.match(String(call?.["logging.googleapis.com/trace"]), /^projects\/my-project\/traces\//);
    assert.partialDeepStrictEqual(call?.callpath, {
      revision: "inventory-00001-kow",
      instanceId: "00bf4bf02d01cf61",
    });
  });

  it("ends with 1 where there is no metadata server, and says what to do", async () => {
    const closed = createServer();
    closed.listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const program = new FakeProcess(local, { GCE_METADATA_HOST: `127.0.0.1:${port}` });
    assert.equal(await program.exit, 1);
    assert.match(
      program.err,
      /^Failed to get instanceID: metadata server 127\.0\.0\.1:\d+: .*ECONNREFUSED/,
    );
    assert.match(program.err, /--useMetadata=false/);
  });

  it("ends with 2 and the usage on wrong flags; --help is no fault", async () => {
    const wrong = new FakeProcess(["--bogus"]);
    assert.equal(await wrong.exit, 2);
    assert.match(wrong.err, /unknown flag --bogus[\s\S]*Usage: node server\/main\.ts/);
    const help = new FakeProcess(["--help"]);
    assert.equal(await help.exit, 0);
    assert.match(help.out, /--gatewayAudience/);
  });

  it("ends with 1 in one line where the port is taken", async () => {
    const first = new FakeProcess(alone);
    const { port } = await first.url();
    const second = new FakeProcess(["--grpcport", `127.0.0.1:${port}`, "--useMetadata=false"]);
    assert.equal(await second.exit, 1);
    assert.match(
      second.err,
      /^127\.0\.0\.1:\d+ is in use by another program: .*--grpcport or PORT\n$/,
    );
    await first.stop();
  });

  it("ends with 2 on files that cannot be used", async () => {
    for (const [flags, fault] of [
      [["--access", "nowhere.yaml"], /nowhere\.yaml:1:1: error: the file cannot be read/],
      [
        ["--usetls", "--cert", "nowhere.pem", "--key", "k.pem"],
        /--cert nowhere\.pem cannot be read/,
      ],
      [
        ["--usetls", "--cert", "package.json", "--key", "k.pem"],
        /--cert package\.json holds no PEM/,
      ],
      [
        ["--access", "test/other-service/server/access.yaml", "--ca", "nowhere.pem"],
        /--ca nowhere\.pem/,
      ],
    ] as const) {
      const program = new FakeProcess([...alone, ...flags], { PROJECT_ID: "p" });
      assert.equal(await program.exit, 2, program.err);
      assert.match(program.err, fault);
    }
  });

  it("says where an access file is wrong before it asks a metadata server", async () => {
    const folder = mkdtempSync(join(tmpdir(), "callpath-run-"));
    try {
      const file = join(folder, "access.yaml");
      writeFileSync(file, 'rules:\n  - selector: "*"\n    allow: []\n');
      const program = new FakeProcess([...local, "--access", file], {
        GCE_METADATA_HOST: "127.0.0.1:1",
      });
      assert.equal(await program.exit, 2);
      assert.match(program.err, /access\.yaml:3:12: error: the rule allows nobody/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("--access: principal and rules are on, and a saved file is live", async () => {
    await using issuer = await startTestIssuer();
    const folder = mkdtempSync(join(tmpdir(), "callpath-run-"));
    try {
      const file = join(folder, "access.yaml");
      const allowing = (member: string): string =>
        `rules:\n  - selector: "*"\n    allow: [${member}]\n`;
      writeFileSync(file, allowing("serviceAccount:sa@$PROJECT_ID.iam.gserviceaccount.com"));
      const flags = ["--access", file, "--gatewayAudience", "grpcs://grpc-gateway-1"];
      const program = new FakeProcess([...alone, ...flags, "--jwks", issuer.jwksUrl.href], {
        GOOGLE_CLOUD_PROJECT: "p",
      });
      const url = await program.url();
      const as = (email: string) =>
        callRaw(url, ["x-forwarded-authorization", bearer(issuer.token({ email }))]);
      assert.equal((await as("sa@p.iam.gserviceaccount.com")).grpcStatus, 0);
      assert.equal((await as("ada@example.com")).grpcStatus, Code.PermissionDenied);

      writeFileSync(file, allowing("user:ada@example.com"));
      while (!/changed: 1 rules hold/.test(program.out)) await once(program, "wrote");
      assert.equal((await as("ada@example.com")).grpcStatus, 0);

      writeFileSync(file, allowing("nobody"));
      while (program.err === "") await once(program, "wrote");
      assert.match(program.err, /access\.yaml:3:13: error: nobody is no kind/);
      assert.equal((await as("ada@example.com")).grpcStatus, 0);
      assert.equal(await program.stop(), 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("--validateToken alone, as the walkthrough has it: the last hop's token, whatever was forwarded", async () => {
    await using issuer = await startTestIssuer();
    const flags = [
      "--validateToken",
      "--targetAudience",
      "https://x",
      "--jwks",
      issuer.jwksUrl.href,
    ];
    const program = new FakeProcess([...alone, ...flags]);
    const url = await program.url();
    const good = ["authorization", bearer(issuer.token({ aud: "https://x" }))];
    assert.equal((await callRaw(url, good)).grpcStatus, 0);
    assert.equal(
      (await callRaw(url, [...good, "x-forwarded-authorization", "Bearer x"])).grpcStatus,
      0,
    );
    assert.equal((await callRaw(url, [])).grpcStatus, Code.Unauthenticated);
    const forwardedAlone = ["x-forwarded-authorization", bearer(issuer.token())];
    assert.equal((await callRaw(url, forwardedAlone)).grpcStatus, Code.Unauthenticated);
    await program.stop();
  });

  it("--usetls serves TLS from the files", async () => {
    const folder = mkdtempSync(join(tmpdir(), "callpath-run-"));
    try {
      const { cert, key } = openLocalCa(folder, { nowMs: Date.now }).issue(["127.0.0.1"]);
      const files = [join(folder, "cert.pem"), join(folder, "key.pem")] as const;
      writeFileSync(files[0], cert);
      writeFileSync(files[1], key, { mode: 0o600 });
      const program = new FakeProcess([
        ...alone,
        "--usetls",
        "--cert",
        files[0],
        "--key",
        files[1],
      ]);
      assert.equal((await program.url()).protocol, "https:");
      await program.stop();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

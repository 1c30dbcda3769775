import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { type ConnectRouter, createClient } from "@connectrpc/connect";
import { EchoServer } from "../../gen/es/echo/echo_pb.ts";
import { startAnswering, testTls } from "../../test/answering-server.ts";
import { startH2 } from "../../test/h2-server.ts";
import { googleClaims, TokenMaker } from "../../test/token-maker.ts";
import { parseClientFlags } from "./client-flags.ts";
import { runClient } from "./run-client.ts";

const audience = "grpcs://grpc-gateway-1";

const routes = (router: ConnectRouter) =>
  router.service(EchoServer, {
    sayHello: ({ name }, { responseHeader, responseTrailer }) => {
      responseHeader.set("rpcheaderkey", "val");
      responseTrailer.set("rpctrailerkey", "val");
      return { message: `Hello ${name}  from K_REVISION r from instanceID i` };
    },
    async *sayHelloStream({ name }, { responseHeader, responseTrailer }) {
      responseHeader.set("streamheaderkey", "val");
      responseTrailer.set("streamtrailerkey", "val");
      yield { message: `Msg1 ${name} from instanceID i` };
      yield { message: `Msg2 ${name} from instanceID i` };
    },
  });

let folder: string;
let maker: TokenMaker;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "run-client-"));
  maker = new TokenMaker();
});
after(() => rmSync(folder, { recursive: true }));

/** A service-account key file of an issuer that mints. */
async function startIssuer() {
  const issuer = await startAnswering(() =>
    JSON.stringify({ id_token: maker.mint(googleClaims(Date.now(), audience)) }),
  );
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const file = join(folder, "key.json");
  const key = {
    type: "service_account",
    client_email: "gateway-client-sa@p.iam.gserviceaccount.com",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    token_uri: issuer.url.href,
  };
  writeFileSync(file, JSON.stringify(key));
  return { file, issuer, [Symbol.asyncDispose]: () => issuer[Symbol.asyncDispose]() };
}

/** Runs `runClient` with these flags and one unary call; what it printed. */
async function run(args: readonly string[]) {
  const out = { stdout: "", stderr: "" };
  const write = (to: "stdout" | "stderr") => ({
    write: (text: string) => {
      out[to] += text;
    },
  });
  const fake = {
    argv: ["node", "main.ts", ...args],
    stdout: write("stdout"),
    stderr: write("stderr"),
  };
  const exitCode = await runClient(
    async ({ transport, print, receive, printMetadata }) => {
      print((await createClient(EchoServer, transport).sayHello({ name: "Ada" }, receive)).message);
      printMetadata();
    },
    { process: fake, nowMs: Date.now },
  );
  return { exitCode, ...out };
}

describe("runClient", () => {
  it("calls over TLS with the key file's token, and shows reply, header and trailer", async () => {
    await using issuer = await startIssuer();
    await using server = await startH2({ routes, tls: testTls });
    const cacert = join(folder, "ca.pem");
    writeFileSync(cacert, testTls.cert);
    const { exitCode, stdout } = await run([
      `--address=127.0.0.1:${server.port}`,
      "--audience",
      audience,
      "--servername=issuer.test",
      "--cacert",
      cacert,
      "--serviceAccount",
      issuer.file,
    ]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Hello Ada {2}from/);
    assert.match(stdout, /\n {2}header {3}.*rpcheaderkey: val/);
    assert.match(stdout, /\n {2}trailer {2}.*rpctrailerkey: val/);
    assert.match(server.heads[0]?.authorization ?? "", /^Bearer ey/);
  });

  it("explains on stderr what failed, exit 1", async () => {
    const server = await startH2({ routes });
    await server[Symbol.asyncDispose]();
    const { exitCode, stderr } = await run(["--address", server.address]);
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /^UNAVAILABLE {2}connect ECONNREFUSED .*\n {2}hop {3}client: CONNECTION_F/,
    );
  });

  for (const [what, args, expected] of [
    ["an unknown flag", ["--adress", "x"], /--adress/],
    ["a count that is none", ["--count", "ten"], /--count ten: write a number/],
    ["an address that is none", ["--address", "grpc://x"], /no address: write HOST:PORT/],
    ["roots that are not there", ["--cacert", "/nowhere.pem"], /--cacert \/nowhere.pem cannot be/],
    [
      "a key file that is none",
      ["--audience", audience, "--service-account", "package.json"],
      /package.json is no service-account key file/,
    ],
    ["a key without an audience", ["--serviceAccount", "k.json"], /name whom with --audience/],
    [
      "a token in cleartext",
      ["--address", "http://gateway.example", "--audience", audience],
      /in cleartext/,
    ],
  ] as const)
    it(`refuses ${what}, exit 2`, async () => {
      const { exitCode, stdout, stderr } = await run(args);
      assert.equal(exitCode, 2);
      assert.equal(stdout, "");
      assert.match(stderr, expected);
    });

  it("prints its flags with --help, exit 0", async () => {
    const { exitCode, stdout } = await run(["--help"]);
    assert.equal(exitCode, 0);
    for (const flag of ["address", "audience", "servername", "cacert", "serviceAccount", "count"])
      assert.ok(stdout.includes(`--${flag} `), flag);
  });

  it("takes the walkthrough's spelling and kebab-case", () => {
    for (const flag of ["--serviceAccount", "--service-account"])
      assert.partialDeepStrictEqual(parseClientFlags([flag, "k.json", "--audience", "a"]), {
        serviceAccount: "k.json",
        audience: "a",
        count: 10,
      });
  });
});

describe("client/main.ts", () => {
  it("makes ten unary calls and a stream over one channel, with the walkthrough's metadata", async () => {
    await using issuer = await startIssuer();
    await using server = await startH2({ routes });
    const { exitCode, stdout } = await runMain([
      "--address",
      server.address,
      `--audience=${audience}`,
      `--serviceAccount=${issuer.file}`,
    ]);
    assert.equal(exitCode, 0);
    const replies = stdout.split("\n").filter((line) => /^(RPC|stream)/.test(line));
    const unary = (i: number) =>
      `RPC ${i}  Hello unary RPC msg   from K_REVISION r from instanceID i`;
    assert.deepEqual(replies, [
      ...Array.from({ length: 10 }, (_, i) => unary(i)),
      "stream Msg1 Stream RPC msg from instanceID i",
      "stream Msg2 Stream RPC msg from instanceID i",
    ]);
    assert.equal(stdout.match(/streamtrailerkey: val/g)?.length, 1);
    assert.equal(server.connections(), 1);
    assert.equal(issuer.issuer.requests.length, 1);
    for (const head of server.heads)
      assert.partialDeepStrictEqual(head, { sal: "value1", key2: "value2" });
  });
});

/** The root program, as a child process. */
function runMain(args: readonly string[]): Promise<{ exitCode: number; stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ["client/main.ts", ...args], (error, stdout) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout });
    });
  });
}

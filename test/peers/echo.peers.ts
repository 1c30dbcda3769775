import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { findPeers } from "../../tools/peers/find-peers.ts";
import { audience, callByGrpcurl } from "./grpcurl.ts";
import { LocalDev } from "./local-dev.ts";
import { type Ran, runPeer } from "./run-peer.ts";

const peers = await findPeers("echo-client", "echo-server", "google-auth");
const limits = { timeoutMs: 60_000 };

/** grpc-go with google.golang.org/api/idtoken, given what `callpath dev` prints and nothing else. */
function goClient({ facts }: LocalDev, address: string, aud: string): Promise<Ran> {
  const { host, hostname } = new URL(address);
  const where = ["-address", host, "-servername", hostname, "-audience", aud];
  const trust = ["-cacert", facts.ca, "-serviceAccount", facts.clientKey];
  return runPeer(peers["echo-client"], [...where, ...trust], limits);
}

/** google-auth and gRPC's C core, likewise. */
function pythonClient({ facts }: LocalDev, aud: string): Promise<Ran> {
  const { host } = new URL(facts.gateway);
  const script = "test/peers/python/client.py";
  const args = [script, host, aud, facts.ca, facts.clientKey, "gen/descriptor.pb"];
  return runPeer("python3", args, { ...limits, env: { PYTHONPATH: peers["google-auth"] } });
}

/** Ten replies by more than one instance, two of the stream, with header and trailer each. */
function assertWalkthrough({ code, output }: Ran): void {
  assert.equal(code, 0, output);
  const unary = [
    ...output.matchAll(
      /^RPC \d {2}Hello unary RPC msg {3}from K_REVISION (\S+) from instanceID (\w{16,})$/gm,
    ),
  ];
  assert.equal(unary.length, 10, output);
  const revisions = new Set(unary.map(([, revision]) => revision));
  assert.match([...revisions].join(), /^apiserver-grpc-00001-[a-z]{3}$/);
  const instances = new Set(unary.map(([, , instance]) => instance));
  assert.equal(instances.size, 3, "three instances answer one channel in turn");
  const metadata = /^header rpcheaderkey=\[val\] trailer rpctrailerkey=\[val\]$/gm;
  assert.equal(output.match(metadata)?.length, 10, output);
  assert.match(
    output,
    /^Message: Msg1 Stream RPC msg from instanceID (\w{16,})\nMessage: Msg2 Stream RPC msg from instanceID \1\n/m,
  );
  assert.match(output, /^header streamheaderkey=\[val\] trailer streamtrailerkey=\[val\]$/m);
}

describe("callpath dev, called by Google's own libraries", () => {
  let dev: LocalDev;
  before(async () => {
    dev = await LocalDev.start(".");
  });
  after(() => dev[Symbol.asyncDispose]());

  it("answers grpc-go and idtoken through the gateway", async () => {
    assertWalkthrough(await goClient(dev, dev.facts.gateway, audience));
  });

  it("answers google-auth on gRPC's C core through the gateway", async () => {
    assertWalkthrough(await pythonClient(dev, audience));
  });

  it("refuses google-auth for another audience, in API Gateway's words", async () => {
    const { code, output } = await pythonClient(dev, "https://wrong");
    assert.equal(code, 1, output);
    assert.match(output, /PERMISSION_DENIED .*Audiences in Jwt are not allowed/);
  });

  it("refuses the Go client at Cloud Run without the role, as Cloud Run refuses", async () => {
    const { run } = dev.facts;
    const { code, output } = await goClient(dev, run, run);
    assert.equal(code, 1, output);
    assert.match(output, /code = PermissionDenied desc = unexpected HTTP status code .*: 403/);
  });

  it("refuses the Go client at the gateway for another audience, in API Gateway's words", async () => {
    const { code, output } = await goClient(dev, dev.facts.gateway, "https://wrong");
    assert.equal(code, 1, output);
    assert.match(output, /code = PermissionDenied desc = .*Audiences in Jwt are not allowed/);
  });

  it("answers grpcurl with the committed image and a token of `callpath token`", async () => {
    const { code, output } = await callByGrpcurl(dev, "echo.EchoServer/SayHello", {
      name: "grpcurl",
    });
    assert.equal(code, 0, output);
    assert.match(output, /"message": "Hello grpcurl {2}from K_REVISION apiserver-grpc-00001-/);
  });
});

describe("callpath dev --server, with a service on Google's own Go libraries", () => {
  let dev: LocalDev;
  before(async () => {
    dev = await LocalDev.start(".", "--server", peers["echo-server"]);
  });
  after(() => dev[Symbol.asyncDispose]());

  it("passes the Go client's calls to it", async () => {
    assertWalkthrough(await goClient(dev, dev.facts.gateway, audience));
  });

  it("passes the calls of the project's own client to it", async () => {
    const { facts } = dev;
    const { host, hostname } = new URL(facts.gateway);
    const ran = await runPeer(
      process.execPath,
      [
        ...["client/main.ts", "--address", host, "--servername", hostname],
        ...["--audience", audience, "--cacert", facts.ca, "--serviceAccount", facts.clientKey],
      ],
      limits,
    );
    assert.equal(ran.code, 0, ran.output);
    assert.equal(ran.output.match(/^RPC \d {2}Hello unary RPC msg/gm)?.length, 10, ran.output);
    assert.match(ran.output, /trailer .*streamtrailerkey: val/);
  });
});

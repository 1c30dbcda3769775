import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { gateway } from "./gateway.ts";
import { runProgram } from "./program.ts";
import { fakeWorld } from "./world-fixture.test.ts";

const image = resolve("gen/descriptor.pb");
const backendUrl = "grpc://127.0.0.1:1";

const config = `
type: google.api.Service
config_version: 3
name: $MANAGED_SERVICE
apis: [{ name: echo.EchoServer }]
`;

describe("callpath gateway, when it cannot start", () => {
  let folder: string;
  let configFile: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "callpath-gateway-"));
    configFile = join(folder, "api_config.yaml");
    await writeFile(configFile, config);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function refused(...flags: string[]) {
    const world = fakeWorld({ cwd: folder });
    const all = [
      "gateway",
      "--config",
      configFile,
      "--image",
      image,
      "--set",
      "MANAGED_SERVICE=s",
      ...flags,
    ];
    const code = await runProgram(
      { version: "0", commands: [gateway], laterCommands: [] },
      all,
      world,
    );
    assert.equal(world.out(), "");
    return { code, err: world.err() };
  }

  it("says in one line that the port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const { code, err } = await refused(
      "--listen",
      address,
      "--backend",
      backendUrl,
      "--identity",
      "none",
    );
    other.close();
    await once(other, "close");
    assert.equal(code, 2);
    assert.match(
      err,
      new RegExp(`callpath gateway: ${address} is in use by another program; .*
$`),
    );
  });

  for (const [what, flags, words] of [
    ["a config that is not there", ["--config", "no.yaml"], /no\.yaml: no such file/],
    ["an image that is not there", ["--image", "no.pb"], /no\.pb: no such file/],
    ["an image that is none", ["--image", "api_config.yaml"], /error/],
    [
      "a template name without a value",
      ["--set", "MANAGED_SERVICE"],
      /--set MANAGED_SERVICE: write NAME=VALUE/,
    ],
    [
      "an identity it does not know",
      ["--identity", "me"],
      /--identity me: write metadata, key:FILE/,
    ],
    ["a key file that is not there", ["--identity", "key:no.json"], /no\.json/],
    ["half of a TLS pair", ["--tls-cert", "c.pem"], /go together/],
    ["an engine it does not know", ["--engine", "envoy"], /write callpath or node/],
    ["a prefix it does not know", ["--header-prefix", "X-"], /X-Apigateway-/],
    ["HTTP/1.1 backends", ["--backend", "http://127.0.0.1:1"], /not available yet/],
    ["no workers", ["--workers", "0"], /--workers 0: write a number from 1 to 256/],
    ["more workers than cores", ["--workers", "8080"], /--workers 8080: write a number/],
    ["--api-keys", ["--api-keys", "keys.txt"], /--api-keys is not available yet/],
  ] as const)
    it(`refuses ${what} with exit 2 and no listener`, async () => {
      const { code, err } = await refused("--backend", backendUrl, ...flags);
      assert.equal(code, 2);
      assert.match(err, words);
    });
});

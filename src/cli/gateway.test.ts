import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import {
  connectNodeAdapter,
  createGrpcTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { EchoServer } from "../../gen/es/echo/echo_pb.ts";

const image = resolve("gen/descriptor.pb");
const program = resolve("src/cli/callpath.js");

/** SayHello without a token; `isOpen` false: every call needs one. */
const config = (isOpen: boolean) => `
type: google.api.Service
config_version: 3
name: $MANAGED_SERVICE
apis:
  - name: echo.EchoServer
usage:
  rules:
    - selector: "*"
      allow_unregistered_calls: true
authentication:
  providers:
    - id: local
      issuer: https://accounts.google.com
      jwks_uri: http://127.0.0.1:1/certs
      audiences: aud
  rules: ${isOpen ? "[]" : '[{ selector: "*", requirements: [{ provider_id: local }] }]'}
`;

describe("callpath gateway", () => {
  let folder: string;
  let configFile: string;
  let backend: Http2Server;
  let backendUrl: string;
  /** Released calls of SayHello with the name `wait`. */
  let release: () => void = () => {};
  let arrived = Promise.withResolvers<void>();
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "callpath-gateway-"));
    configFile = join(folder, "api_config.yaml");
    backend = createHttp2Server(
      connectNodeAdapter({
        routes: (router) =>
          router.service(EchoServer, {
            async sayHello({ name }) {
              if (name === "wait") {
                const released = Promise.withResolvers<void>();
                release = released.resolve;
                arrived.resolve();
                await released.promise;
              }
              return { message: `Hello ${name}` };
            },
          }),
      }),
    );
    backend.listen(0, "127.0.0.1");
    await once(backend, "listening");
    backendUrl = `grpc://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  });
  after(async () => {
    backend.close();
    await once(backend, "close");
    await rm(folder, { recursive: true, force: true });
  });

  /** The real program, and its lines as they come. */
  async function start(...flags: string[]) {
    await writeFile(configFile, config(true));
    const child = spawn(
      process.execPath,
      [
        program,
        "gateway",
        "--config",
        configFile,
        "--image",
        image,
        "--listen",
        "127.0.0.1:0",
        "--backend",
        backendUrl,
        "--set",
        "MANAGED_SERVICE=s",
        ...flags,
      ],
      { stdio: ["ignore", "pipe", "pipe"], cwd: folder },
    );
    const out = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const err = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
    const next = async (lines: AsyncIterator<string>, wanted: RegExp): Promise<string> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`the program ended before it said ${wanted}`);
        if (wanted.test(value)) return value;
      }
    };
    return {
      child,
      out: (wanted: RegExp) => next(out, wanted),
      err: (wanted: RegExp) => next(err, wanted),
      [Symbol.asyncDispose]: () => end(child),
    };
  }

  it("serves, and tells each RPC with --json", async () => {
    await using running = await start("--json");
    const first = JSON.parse(await running.out(/./)) as { event: string; address: string };
    assert.equal(first.event, "listening");
    assert.match(first.address, /^http:\/\/127\.0\.0\.1:\d+$/);
    using client = echoClient(first.address);
    assert.equal((await client.sayHello("Ada")).message, "Hello Ada");
    assert.partialDeepStrictEqual(JSON.parse(await running.out(/rpc/)), {
      event: "rpc",
      hop: "gateway",
      path: "/echo.EchoServer/SayHello",
      grpcStatus: 0,
    });
  });

  for (const how of ["SIGHUP", "--watch"] as const)
    it(`loads a new config at ${how}, keeps the old one when the new one is broken`, async () => {
      await using running = await start(...(how === "--watch" ? ["--watch"] : []));
      using client = echoClient((await running.out(/listening on/)).replace("listening on ", ""));
      const change = async (text: string) => {
        await writeFile(`${configFile}~`, text);
        await rename(`${configFile}~`, configFile);
        if (how === "SIGHUP") running.child.kill("SIGHUP");
      };
      assert.equal((await client.sayHello("Ada")).message, "Hello Ada");
      await change("apis: [");
      await running.err(/api_config\.yaml:1:\d+: error/);
      await running.err(/the old config keeps serving/);
      assert.equal((await client.sayHello("Ada")).message, "Hello Ada");
      await change(config(false));
      await running.err(/the new config serves/);
      await assert.rejects(client.sayHello("Ada"), (error: ConnectError) => {
        assert.equal(error.code, Code.Unauthenticated);
        return true;
      });
    });

  it("finishes the call in flight at SIGTERM, and ends with 0", async () => {
    await using running = await start();
    using client = echoClient((await running.out(/listening on/)).replace("listening on ", ""));
    arrived = Promise.withResolvers();
    const waiting = client.sayHello("wait");
    await arrived.promise;
    running.child.kill("SIGTERM");
    await refusesConnections(client.port);
    release();
    assert.equal((await waiting).message, "Hello wait");
    const [code] = (await once(running.child, "exit")) as [number];
    assert.equal(code, 0);
  });

  it("ends at once with 130 at a second signal", async () => {
    await using running = await start();
    using client = echoClient((await running.out(/listening on/)).replace("listening on ", ""));
    arrived = Promise.withResolvers();
    const lost = assert.rejects(client.sayHello("wait"));
    await arrived.promise;
    running.child.kill("SIGINT");
    await refusesConnections(client.port);
    const exited = once(running.child, "exit");
    // Two signals within a moment count as one: the terminal's and npm's.
    const again = setInterval(() => running.child.kill("SIGINT"), 50);
    const [code] = (await exited) as [number];
    clearInterval(again);
    assert.equal(code, 130);
    await lost;
    release();
  });
});

function echoClient(address: string) {
  const sessionManager = new Http2SessionManager(address);
  const echo = createClient(EchoServer, createGrpcTransport({ baseUrl: address, sessionManager }));
  return {
    port: Number(new URL(address).port),
    sayHello: (name: string) => echo.sayHello({ name }),
    [Symbol.dispose]: () => sessionManager.abort(),
  };
}

/** The listener is closed: what the drain does first. */
async function refusesConnections(port: number): Promise<void> {
  for (;;) {
    const isOpen = await fetch(`http://127.0.0.1:${port}/`).then(
      (response) => response.body?.cancel().then(() => true),
      () => false,
    );
    if (isOpen === false) return;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

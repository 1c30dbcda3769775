import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import http2 from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { callpathEngine } from "../http2/engine.ts";
import { nodeEngine } from "../http2/node-engine.ts";
import { audience, clientSa, gatewaySa, startTestEmulator } from "./emulator-fixture.test.ts";
import { defaultEndTimes } from "./options.ts";
import { canConnect, echoOf, rstCodeOf } from "./run/container-fixture.test.ts";
import { startEmulator } from "./start.ts";

const path = "/echo.EchoServer/SayHello";
const streaming = "/echo.EchoServer/SayHelloStream";
const traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
const traceId = traceparent.slice(3, 35);

describe("startEmulator", () => {
  for (const engine of [callpathEngine, nodeEngine]) {
    it(`leads a call through gateway and Cloud Run to an instance, each hop telling of it (${engine.name})`, async () => {
      await using test = await startTestEmulator({ engine });
      const { gateway, run } = await test.deploy();
      const answer = await test.call(gateway, path, {
        ...test.as(clientSa, audience),
        traceparent,
      });
      const { headers, K_REVISION, id } = echoOf(answer);
      assert.equal(answer.trailers["grpc-status"], "0");
      assert.match(headers.authorization ?? "", /\.SIGNATURE_REMOVED_BY_GOOGLE$/);
      assert.doesNotMatch(headers["x-forwarded-authorization"] ?? "", /REMOVED/);
      assert.partialDeepStrictEqual(await test.eventOf("gateway", traceId), {
        path,
        principal: clientSa,
        grpcStatus: 0,
      });
      assert.partialDeepStrictEqual(await test.eventOf("cloud-run", traceId), {
        path,
        principal: gatewaySa,
        grpcStatus: 0,
        httpStatus: 200,
        revision: K_REVISION,
        instanceId: id,
      });
      assert.equal(run.hostname, "localhost");
    });
  }

  it("spreads the calls of one channel evenly over three instances", async () => {
    await using test = await startTestEmulator();
    const { gateway } = await test.deploy(3);
    const seen = new Map<string, number>();
    for (let call = 0; call < 9; call++) {
      const { id } = echoOf(await test.call(gateway, path, test.as(clientSa, audience)));
      seen.set(id, (seen.get(id) ?? 0) + 1);
    }
    assert.deepEqual([...seen.values()], [3, 3, 3]);
    assert.equal(test.emulator.instancesOf("echo").length, 3);
  });

  it("lets nobody into Cloud Run who is no invoker, the gateway's account neither", async () => {
    await using test = await startTestEmulator();
    const { gateway, run } = await test.deploy();
    const direct = test.as(clientSa, run.origin);
    assert.equal((await test.call(run, path, direct)).status, 403);
    test.emulator.setInvokers("echo", [`serviceAccount:${clientSa}`]);
    assert.equal((await test.call(run, path, direct)).status, 200);
    const headers = { ...test.as(clientSa, audience), traceparent };
    const refused = await test.call(gateway, path, headers);
    assert.equal(refused.status, 403);
    assert.equal(refused.headers["content-type"], "text/html; charset=UTF-8");
    const { rejection } = await test.eventOf("cloud-run", traceId);
    assert.equal(rejection?.fix, `grant roles/run.invoker to serviceAccount:${gatewaySa} on echo`);
  });

  it("takes a service's address for its own before it is deployed, also as run.app", async () => {
    await using test = await startTestEmulator();
    const known = await test.emulator.addressOf("echo");
    const { gateway, run } = await test.deploy();
    assert.equal(run.href, known.href);
    const { managedService } = test.emulator.createApi("echo");
    // The config as it stands for Google: its host leads here.
    const uri = new URL("https://echo-123456789012.us-central1.run.app");
    const message = await test.config(uri, managedService);
    const { name } = test.emulator.createApiConfig("echo", "as-for-google", message);
    await test.emulator.serveConfig("echo", name);
    const { status } = await test.call(gateway, path, test.as(clientSa, audience));
    assert.equal(status, 200);
  });

  it("says which port that was asked for is in use, and leaves nothing open", async () => {
    await using taken = await listenSomewhere();
    await using test = await startTestEmulator({ portBase: taken.port - 1 });
    await assert.rejects(
      test.emulator.deployService("echo", test.service(1)),
      new RegExp(
        `port ${taken.port} is in use, and Cloud Run service echo was to listen there: stop what uses it, or choose another --port-base`,
      ),
    );
    await assert.rejects(
      startTestEmulator({ portBase: taken.port - 2 }),
      new RegExp(`${taken.port}: the port is in use`),
    );
  });

  it("refuses a region as the walkthrough's typing error has it", async () => {
    await assert.rejects(
      startEmulator({ stateDir: "unused", nowMs: Date.now, region: "us-central-1" }),
      /region us-central-1: write it as Google does, e\.g\. us-central1/,
    );
  });

  it("writes only private keys, certificates and the client's key file", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "callpath-state-"));
    try {
      const test = await startTestEmulator({ stateDir });
      await test.deploy();
      await test[Symbol.asyncDispose]();
      const files = (await readdir(stateDir)).sort();
      assert.deepEqual(files, [
        "ca-key.pem",
        "ca.pem",
        "gateway-client-sa.json",
        "issuer-keys.json",
      ]);
      const { client_email: email } = JSON.parse(
        await readFile(join(stateDir, "gateway-client-sa.json"), "utf8"),
      ) as { client_email: string };
      assert.equal(email, clientSa);
      for (const file of files.filter((name) => name !== "ca.pem")) {
        assert.equal((await stat(join(stateDir, file))).mode & 0o077, 0, file);
      }
    } finally {
      await rm(stateDir, { recursive: true });
    }
  });
});

describe("startEmulator: the end", () => {
  it("is there in less than 8 s, whatever goes on", () => {
    const { staggerMs, drainMs, endMs, graceMs } = defaultEndTimes;
    assert.ok(staggerMs + endMs < 7_600);
    assert.ok(drainMs < endMs);
    assert.equal(graceMs, 5_000);
  });

  it("lets calls in flight finish through all hops, and resets what lasts longer", async () => {
    const test = await startTestEmulator({
      endTimes: { drainMs: 1_500, graceMs: 500, endMs: 3_000 },
    });
    const { gateway } = await test.deploy();
    const headers = test.as(clientSa, audience);
    const stream = test.open(gateway, streaming, { ...headers, "x-verb": "/stream/on" });
    const streamEnd = rstCodeOf(stream);
    await once(stream, "data");
    const slow = test.call(gateway, path, { ...headers, "x-verb": "/slow/400" });
    await test.line(/slow begins/);
    const facts = test.emulator.instancesOf("echo");
    const ended = test.emulator[Symbol.asyncDispose]();
    assert.equal((await slow).trailers["grpc-status"], "0");
    assert.notEqual(await streamEnd, http2.constants.NGHTTP2_NO_ERROR);
    await ended;
    assert.equal(await canConnect(Number(gateway.port)), false);
    for (const { port, pid } of facts) {
      assert.equal(await canConnect(port), false);
      assert.ok(pid);
      assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    }
    await test[Symbol.asyncDispose]();
  });
});

async function listenSomewhere(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

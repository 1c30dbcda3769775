import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import { claimDevState, type DevFacts, releaseDevState } from "./dev-state.ts";
import { startLocalFace } from "./local-face.ts";
import { findRunningDev } from "./running-dev.ts";
import { TrafficRing } from "./traffic-ring.ts";

const facts: DevFacts = {
  gateway: "https://localhost:8443",
  run: "https://localhost:8444",
  issuer: "http://127.0.0.1:9000",
  metadata: "127.0.0.1:9001",
  controlPlane: null,
  console: null,
  ca: ".callpath/ca.pem",
  clientKey: ".callpath/gateway-client-sa.json",
  config: "gateway/api_config.yaml",
  image: "gen/descriptor.pb",
  access: "server/access.yaml",
  values: {},
  audience: "grpcs://grpc-gateway-1",
  service: "echo",
  gatewayAccount: "gateway-sa@callpath-local.iam.gserviceaccount.com",
  gatewayMayInvoke: true,
};

const traceId = "0af7651916cd43dd8448eb211c80319c";
const event: TrafficEvent = {
  hop: "gateway",
  traceId,
  path: "/echo.EchoServer/SayHello",
  startedAtMs: 1,
  durationMs: 2,
  grpcStatus: 7,
  httpStatus: 200,
  principal: undefined,
};
const rejection = {
  hop: "server",
  reason: "ACCESS_DENIED",
  code: 7,
  message: "not allowed",
  detail: "",
  fix: "",
} as const;

async function start(stateDir: string, ready: boolean) {
  const traffic = new TrafficRing();
  const face = await startLocalFace({
    facts: () => (ready ? facts : undefined),
    mint: (email, audience) => ({ value: `${email} ${audience}`, expiresAtMs: 5 }),
    traffic,
  });
  const state = { pid: 1, face: face.origin, secret: face.secret };
  assert.equal(await claimDevState(stateDir, state), true);
  return { face, traffic, state };
}

describe("a running dev, seen from another command", () => {
  let stateDir: string;
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "callpath-dev-"));
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true }));

  it("is found by its file, tells its facts and mints", async () => {
    const { face } = await start(stateDir, true);
    await using _ = face;
    const dev = await findRunningDev(stateDir);
    assert.ok(typeof dev === "object");
    assert.deepEqual(dev.facts, facts);
    const token = await dev.tokensAs("eve@example.com")("grpcs://gw");
    assert.deepEqual(token, { value: "eve@example.com grpcs://gw", expiresAtMs: 5 });
  });

  it("is `starting` before it has facts", async () => {
    const { face } = await start(stateDir, false);
    await using _ = face;
    assert.equal(await findRunningDev(stateDir), "starting");
  });

  it("is not there when its process is not, though the file is", async () => {
    const { face } = await start(stateDir, true);
    await face[Symbol.asyncDispose]();
    assert.equal(await findRunningDev(stateDir), undefined);
  });

  it("keeps its secret in a file for its owner, and one dev a folder", async () => {
    const { face, state } = await start(stateDir, true);
    await using _ = face;
    assert.equal((await stat(join(stateDir, "dev.json"))).mode & 0o777, 0o600);
    assert.equal(await claimDevState(stateDir, { ...state, secret: "other" }), false);
    await releaseDevState(stateDir, "other");
    assert.equal(await claimDevState(stateDir, state), false);
    await releaseDevState(stateDir, state.secret);
    assert.equal(await findRunningDev(stateDir), undefined);
  });

  it("answers nobody without the secret", async () => {
    const { face } = await start(stateDir, true);
    await using _ = face;
    for (const authorization of ["", "Bearer x", `bearer ${face.secret}`]) {
      const response = await fetch(`${face.origin}/facts`, { headers: { authorization } });
      assert.equal(response.status, 401);
      await response.body?.cancel();
    }
  });

  it("waits for the hop that refused", async () => {
    const { face, traffic } = await start(stateDir, true);
    await using _ = face;
    const dev = await findRunningDev(stateDir);
    assert.ok(typeof dev === "object");
    traffic.add(event);
    const asked = dev.eventsOf(traceId);
    traffic.add({ ...event, hop: "server", rejection });
    assert.deepEqual(
      (await asked).map(({ hop }) => hop),
      ["gateway", "server"],
    );
  });
});

describe("TrafficRing", () => {
  it("forgets the oldest call, and holds a bounded number of events a trace", () => {
    const ring = new TrafficRing();
    const id = (n: number) => n.toString(16).padStart(32, "0");
    for (let n = 0; n < 1001; n++) ring.add({ ...event, traceId: id(n) });
    assert.equal(ring.get(id(0)).length, 0);
    assert.equal(ring.get(id(1)).length, 1);
    for (let n = 0; n < 100; n++) ring.add(event);
    assert.equal(ring.get(traceId).length, 32);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Hop, Rejection } from "../../rejection/rejection.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import { callLine } from "./call-line.ts";
import { FirstCalls } from "./first-calls.ts";
import { CallJoiner, type JoinedCall } from "./joined-call.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const client = "gateway-client-sa@callpath-local.iam.gserviceaccount.com";

function event(hop: Hop, more: Partial<TrafficEvent> = {}): TrafficEvent {
  return {
    hop,
    traceId,
    path: "/echo.EchoServer/SayHello",
    startedAtMs: Date.UTC(2026, 0, 1, 12),
    durationMs: 3.4,
    grpcStatus: 0,
    httpStatus: 200,
    principal: hop === "cloud-run" ? "gateway-sa@callpath-local.iam.gserviceaccount.com" : client,
    ...more,
  };
}

function rejection(hop: Hop, detail: string): Rejection {
  return { hop, reason: "ACCESS_DENIED", code: 7, message: "no", detail, fix: "" };
}

function join(...events: readonly TrafficEvent[]): readonly JoinedCall[] {
  const told: JoinedCall[] = [];
  using joiner = new CallJoiner((call) => told.push(call));
  for (const one of events) joiner.add(one);
  return [...told];
}

describe("CallJoiner", () => {
  it("tells a call once, when all hops reported, in the order the call passed them", () => {
    const [call, ...more] = join(event("server"), event("cloud-run"), event("gateway"));
    assert.deepEqual(more, []);
    assert.deepEqual(
      call?.events.map(({ hop }) => hop),
      ["gateway", "cloud-run", "server"],
    );
    assert.equal(call?.principal, client);
  });

  it("waits for no hop behind the one that refused", () => {
    assert.equal(join(event("gateway", { rejection: rejection("gateway", "") })).length, 1);
    const denied = event("cloud-run", { rejection: rejection("cloud-run", "") });
    assert.equal(join(denied, event("gateway")).length, 1);
    assert.equal(join(denied).length, 0);
  });

  it("keeps calls of one trace apart", () => {
    const whole = [event("server"), event("cloud-run"), event("gateway")];
    assert.equal(join(...whole, ...whole).length, 2);
    const other = event("gateway", { path: "/echo.EchoServer/SayHelloStream" });
    assert.equal(join(...whole, other).length, 1);
  });

  it("tells a call that a hop is silent about when its time is over", async () => {
    const told = Promise.withResolvers<JoinedCall>();
    using joiner = new CallJoiner(told.resolve);
    joiner.add(event("cloud-run"));
    assert.equal((await told.promise).outer.hop, "cloud-run");
  });

  it("tells at the end what is still open, and at once what has no trace", () => {
    const told: JoinedCall[] = [];
    {
      using joiner = new CallJoiner((call) => told.push(call));
      joiner.add(event("gateway"));
      joiner.add(event("gateway", { traceId: undefined }));
      assert.equal(told.length, 1);
    }
    assert.equal(told.length, 2);
  });
});

describe("callLine", () => {
  const line = (...events: readonly TrafficEvent[]) => {
    const told: JoinedCall[] = [];
    {
      using joiner = new CallJoiner((call) => told.push(call));
      for (const one of events) joiner.add(one);
    }
    return told.map(callLine).join("\n");
  };

  it("names principal, hops, status and time", () => {
    const server = event("server", { instanceId: "00bf4bf02d01cf61" });
    assert.match(
      line(event("gateway"), event("cloud-run"), server),
      /^\d\d:\d\d:\d\d {2}SayHello {2}OK {2}3 ms {3}gateway-client-sa > gateway > cloud run > server 00bf4bf02d01cf61$/,
    );
  });

  it("says which hop refused, and why", () => {
    const why = "eve@example.com is not in server/access.yaml:3";
    const server = event("server", {
      grpcStatus: 7,
      principal: "eve@example.com",
      rejection: rejection("server", why),
    });
    const all = [
      event("gateway", { grpcStatus: 7 }),
      event("cloud-run", { grpcStatus: 7 }),
      server,
    ];
    assert.match(
      line(...all),
      /SayHello {2}PERMISSION_DENIED {2}3 ms {3}eve@example\.com > gateway > cloud run > server x: eve@example\.com is not in/,
    );
  });
});

describe("FirstCalls", () => {
  it("counts outcomes by method, and instances by who answered", () => {
    const calls = new FirstCalls();
    assert.equal(calls.allSucceeded, false);
    for (const instanceId of ["a", "b", "a"]) {
      calls.add(event("gateway"));
      calls.add(event("cloud-run", { instanceId }));
      calls.add(event("server", { instanceId }));
    }
    assert.equal(calls.outcomes, "3 SayHello OK");
    assert.equal(calls.instances, "2 instances answered (2, 1 RPCs)");
    assert.equal(calls.allSucceeded, true);
    const overOne = new FirstCalls();
    overOne.add(event("gateway", { connection: "1" }));
    overOne.add(event("cloud-run", { instanceId: "a" }));
    assert.equal(overOne.instances, "1 instance answered one channel (1 RPCs)");
    calls.add(event("gateway", { grpcStatus: 14 }));
    assert.equal(calls.outcomes, "3 SayHello OK, 1 SayHello UNAVAILABLE");
    assert.equal(calls.allSucceeded, false);
  });
});

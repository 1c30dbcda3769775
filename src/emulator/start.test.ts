import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { audience, clientSa, gatewaySa, startTestEmulator } from "./emulator-fixture.test.ts";
import { echoOf } from "./run/container-fixture.test.ts";

const traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";

describe("startEmulator", () => {
  it("leads a call through gateway and Cloud Run to an instance, each hop telling of it", async () => {
    await using test = await startTestEmulator();
    const { gateway, run } = await test.deploy();
    const path = "/echo.EchoServer/SayHello";
    const answer = await test.call(gateway, path, { ...test.as(clientSa, audience), traceparent });
    const { headers, K_REVISION, id } = echoOf(answer);
    assert.equal(answer.trailers["grpc-status"], "0");
    assert.match(headers.authorization ?? "", /\.SIGNATURE_REMOVED_BY_GOOGLE$/);
    assert.doesNotMatch(headers["x-forwarded-authorization"] ?? "", /REMOVED/);
    const atGateway = await test.eventOf("gateway", traceparent.slice(3, 35));
    const atRun = await test.eventOf("cloud-run", traceparent.slice(3, 35));
    assert.partialDeepStrictEqual(atGateway, { path, principal: clientSa, grpcStatus: 0 });
    assert.partialDeepStrictEqual(atRun, {
      path,
      principal: gatewaySa,
      grpcStatus: 0,
      httpStatus: 200,
      revision: K_REVISION,
      instanceId: id,
    });
    assert.equal(new URL(run).hostname, "localhost");
  });
});

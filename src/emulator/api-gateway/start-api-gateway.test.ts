import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GatewaySchema } from "../../google/gen/google/cloud/apigateway/v1/apigateway_pb.ts";
import { audience, clientSa, startTestEmulator } from "../emulator-fixture.test.ts";

const path = "/echo.EchoServer/SayHello";
const traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
const traceId = traceparent.slice(3, 35);

describe("startApiGateway", () => {
  it("serves another config at the same address, and loses no call in flight", async () => {
    await using test = await startTestEmulator();
    const { gateway, run } = await test.deploy();
    const slow = test.call(gateway, path, {
      ...test.as(clientSa, audience),
      "x-verb": "/slow/300",
    });
    await test.line(/slow begins/);
    const { managedService } = test.emulator.createApi("echo");
    const message = await test.config(run, managedService, (text) =>
      text.replace(audience, "grpcs://other"),
    );
    const { name } = test.emulator.createApiConfig("echo", "second", message);
    const { url } = await test.emulator.serveConfig("echo", name);
    assert.equal(url.href, gateway.href);
    const refused = await test.call(gateway, path, test.as(clientSa, audience));
    assert.match(String(refused.headers["grpc-message"]), /Audiences in Jwt are not allowed/);
    assert.equal((await test.call(gateway, path, test.as(clientSa, "grpcs://other"))).status, 200);
    assert.equal((await slow).trailers["grpc-status"], "0");
  });

  it("refuses a config with every fault and its place; the old one serves on", async () => {
    await using test = await startTestEmulator();
    const { gateway, run } = await test.deploy();
    const { managedService } = test.emulator.createApi("echo");
    const message = await test.config(run, managedService, (text) =>
      text
        .replace("provider_id: google", "provider_id: gogle")
        .replace("- name: echo.E", "- name: ecco.E"),
    );
    assert.throws(
      () => test.emulator.createApiConfig("echo", "broken", message),
      (error: Error & { problems?: readonly { at: { line: number } }[] }) => {
        assert.equal(error.name, "ApiConfigRefused");
        assert.match(error.message, /gateway\/api_config\.yaml:\d+:\d+: error: /);
        assert.ok((error.problems?.length ?? 0) >= 2);
        return true;
      },
    );
    await assert.rejects(
      test.emulator.serveConfig("echo", "projects/p/locations/global/apis/echo/configs/broken"),
      /there is no API config projects\/p/,
    );
    assert.equal((await test.call(gateway, path, test.as(clientSa, audience))).status, 200);
  });

  it("keeps configs immutable: the same again is no change, another needs another id", async () => {
    await using test = await startTestEmulator();
    const { run } = await test.deploy();
    const { managedService } = test.emulator.createApi("echo");
    const same = await test.config(run, managedService);
    test.emulator.createApiConfig("echo", "first", same);
    const other = await test.config(run, managedService, (text) => `${text}# changed\n`);
    assert.throws(() => test.emulator.createApiConfig("echo", "first", other), /immutable/);
    assert.throws(() => test.emulator.createApiConfig("echo", "No_Good", same), /lower-case/);
    assert.throws(
      () => test.emulator.createApiConfig("nope", "first", same),
      /there is no API nope/,
    );
  });

  it("takes up another backend identity at the same address", async () => {
    await using test = await startTestEmulator();
    const { gateway, run } = await test.deploy();
    const other = "other-sa@callpath-local.iam.gserviceaccount.com";
    const { managedService } = test.emulator.createApi("echo");
    const message = await test.config(run, managedService);
    message.gatewayServiceAccount = other;
    const { name } = test.emulator.createApiConfig("echo", "other", message);
    const { url } = await test.emulator.serveConfig("echo", name);
    assert.equal(url.href, gateway.href);
    test.emulator.setInvokers("echo", [`serviceAccount:${other}`]);
    await test.call(gateway, path, { ...test.as(clientSa, audience), traceparent });
    assert.partialDeepStrictEqual(await test.eventOf("cloud-run", traceId), {
      principal: other,
      httpStatus: 200,
    });
    const held = test.emulator.store.get(
      GatewaySchema,
      "projects/callpath-local/locations/us-central1/gateways/echo",
    );
    assert.equal(held?.message.defaultHostname, "echo-local.uc.gateway.dev");
  });
});

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { RawClient } from "../raw-http2.ts";
import {
  clientAccount,
  type DeployedService,
  gatewayAccount,
  type LocalCloud,
  startLocalCloud,
} from "./local-cloud.ts";
import { endOf, endOfCall } from "./refusal.ts";
import { services } from "./services.ts";

describe("Cloud Run lets in who has the role", () => {
  let cloud: LocalCloud;
  before(async () => {
    cloud = await startLocalCloud({ services, instances: 1 });
  });
  after(() => cloud[Symbol.asyncDispose]());

  for (const [index, { typeName, name, methods, unary }] of services.entries()) {
    describe(typeName, () => {
      let one: DeployedService;
      let raw: RawClient;
      before(() => {
        one = cloud.deployed[index] as DeployedService;
        raw = cloud.raw(one.run);
      });

      const invokers = (...emails: readonly string[]) =>
        cloud.emulator.setInvokers(
          name,
          emails.map((email) => `serviceAccount:${email}`),
        );
      const bearer = (email: string) => ({
        authorization: `Bearer ${cloud.token(email, one.run.origin)}`,
      });

      /** What is not let in gets Google's page, not an answer of gRPC. */
      async function isForbidden(headers: { readonly authorization?: string }): Promise<void> {
        for (const { path, kind, request } of methods) {
          const answer = await raw.call({ ":path": path, ...headers }, request);
          assert.equal(answer.headers[":status"], 403, kind);
          assert.equal(answer.headers["content-type"], "text/html; charset=UTF-8");
          assert.equal(answer.headers["grpc-status"], undefined);
          assert.match(answer.body.toString(), /Your client does not have permission to get URL/);
        }
      }

      it("directly, without the role: 403 and a page, for every kind of RPC", async () => {
        await isForbidden(bearer(clientAccount));
        using channel = one.channel(clientAccount, one.run);
        for (const method of methods)
          assert.equal((await endOfCall(method.call(channel.transport))).code, 7, method.kind);
      });

      it("directly, without a token: the same", async () => {
        await isForbidden({});
      });

      it("with the role it works, and through the gateway as before; revoked, it is refused again", async () => {
        using direct = one.channel(clientAccount, one.run);
        using behind = one.channel(clientAccount, one.gateway);
        invokers(gatewayAccount, clientAccount);
        for (const { call } of methods)
          for (const { transport } of [direct, behind])
            assert.match(await call(transport), /^[0-9a-f]{16,}$/);
        invokers(gatewayAccount);
        await isForbidden(bearer(clientAccount));
        for (const { call } of methods) {
          assert.equal((await endOfCall(call(direct.transport))).code, 7);
          await call(behind.transport);
        }
      });

      it("revoked from the gateway's account, every call through the gateway is refused by Cloud Run", async () => {
        using channel = one.channel(clientAccount);
        invokers();
        try {
          for (const { call, kind } of methods)
            assert.equal((await endOfCall(call(channel.transport))).code, 7, kind);
        } finally {
          invokers(gatewayAccount);
        }
        await unary.call(channel.transport);
      });

      it("a token for another audience is 401, also with the role", async () => {
        invokers(gatewayAccount, clientAccount);
        const authorization = `Bearer ${cloud.token(clientAccount, "https://other.example.com")}`;
        for (const { path, request, kind } of methods) {
          const answer = await raw.call({ ":path": path, authorization }, request);
          assert.equal(answer.headers[":status"], 401, kind);
          assert.equal(endOf(answer).code, 16);
        }
        invokers(gatewayAccount);
      });
    });
  }
});

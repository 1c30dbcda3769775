import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { OutgoingHttpHeaders } from "node:http2";
import { after, before, describe, it } from "node:test";
import type { RawClient } from "../raw-http2.ts";
import { TokenMaker } from "../token-maker.ts";
import { forgedTokens, userInfo } from "./forged-tokens.ts";
import {
  account,
  clientAccount,
  type DeployedService,
  gatewayAccount,
  gatewayAudience,
  type LocalCloud,
  startLocalCloud,
} from "./local-cloud.ts";
import { type End, endOf, endOfCall } from "./refusal.ts";
import { services, type TestedMethod } from "./services.ts";

/** Has a Google account, and stands in no access.yaml. */
const eve = "eve@elsewhere.iam.gserviceaccount.com";
/** May invoke the service at Cloud Run, and stands in no access.yaml. */
const mallory = account("mallory");

describe("who may call, through the gateway and directly", () => {
  const maker = new TokenMaker();
  let cloud: LocalCloud;
  before(async () => {
    cloud = await startLocalCloud({ services, instances: 1 });
    for (const { service } of cloud.deployed)
      cloud.emulator.setInvokers(
        service.name,
        [gatewayAccount, clientAccount, mallory].map((email) => `serviceAccount:${email}`),
      );
  });
  after(() => cloud[Symbol.asyncDispose]());

  for (const [index, { typeName, methods }] of services.entries()) {
    describe(typeName, () => {
      let one: DeployedService;
      let atGateway: RawClient;
      let atRun: RawClient;
      before(() => {
        one = cloud.deployed[index] as DeployedService;
        atGateway = cloud.raw(one.gateway);
        atRun = cloud.raw(one.run);
      });

      const token = (email: string, audience: string) => `Bearer ${cloud.token(email, audience)}`;
      /** Everything that a caller can invent to be the named caller. */
      const forged = (audience: string) =>
        forgedTokens(clientAccount, audience, cloud.token(eve, audience), maker).map(
          ({ how, value }) => ({ how, value: `Bearer ${value}` }),
        );

      /** Every kind of RPC with these headers; what becomes of each. */
      async function each(
        client: RawClient,
        headers: OutgoingHttpHeaders,
        check: (end: End, method: TestedMethod, why: string) => unknown,
        trailers?: OutgoingHttpHeaders,
      ): Promise<void> {
        const ends = methods.map(async (method) => {
          const answer = await client.call(
            { ":path": method.path, ...headers },
            method.request,
            trailers,
          );
          const end = endOf(answer);
          check(end, method, `${method.kind}: ${JSON.stringify(end)}`);
        });
        await Promise.all(ends);
      }

      /** 7 from hop server, as for the caller's own good token alone. */
      const isDenied = ({ code, hop, message }: End, { path }: TestedMethod, why: string) => {
        assert.equal(code, 7, why);
        assert.equal(hop, "server", why);
        assert.equal(message, `not allowed to call ${path.slice(1).replace("/", ".")}`);
      };
      const isUnproven = ({ code, hop }: End, _: TestedMethod, why: string) => {
        assert.equal(code, 16, why);
        assert.equal(hop, "server", why);
      };
      const isUnauthenticated = ({ code }: End, _: TestedMethod, why: string) =>
        assert.equal(code, 16, why);

      for (const where of ["gateway", "run"] as const) {
        for (const method of methods) {
          it(`${method.kind}, at ${where}: a named caller's call works`, async () => {
            using channel = one.channel(clientAccount, one[where]);
            assert.match(await method.call(channel.transport), /^[0-9a-f]{16,}$/);
          });
          it(`${method.kind}, at ${where}: a valid token of somebody else is 7 from hop server`, async () => {
            using channel = one.channel(mallory, one[where]);
            isDenied(await endOfCall(method.call(channel.transport)), method, where);
          });
        }
      }

      it("gateway: a caller's x-apigateway-api-userinfo is nobody's word", async () => {
        const traceId = randomBytes(16).toString("hex");
        const invented = {
          "x-apigateway-api-userinfo": userInfo(clientAccount, gatewayAudience),
          traceparent: `00-${traceId}-${traceId.slice(16)}-01`,
        };
        const authorization = token(eve, gatewayAudience);
        await each(atGateway, { authorization, ...invented }, isDenied);
        assert.equal((await cloud.eventOf("server", traceId)).principal, eve);
        await each(atGateway, invented, isUnauthenticated);
        await each(atGateway, { authorization }, isDenied, {
          "x-apigateway-api-userinfo": userInfo(clientAccount, gatewayAudience),
        });
      });

      it("gateway: a caller's x-forwarded-authorization never arrives", async () => {
        const authorization = token(eve, gatewayAudience);
        const real = { how: "real", value: token(clientAccount, gatewayAudience) };
        for (const { value } of [...forged(gatewayAudience), real]) {
          const invented = { "x-forwarded-authorization": value };
          await each(atGateway, { authorization, ...invented }, isDenied);
          await each(atGateway, invented, isUnauthenticated);
        }
      });

      it("gateway: a forged token in authorization is 16", async () => {
        for (const { value } of forged(gatewayAudience))
          await each(atGateway, { authorization: value }, isUnauthenticated);
      });

      it("gateway: tokens in trailers change nothing", async () => {
        const authorization = token(eve, gatewayAudience);
        for (const { value } of forged(gatewayAudience))
          await each(atGateway, { authorization }, isDenied, {
            authorization: value,
            "x-forwarded-authorization": value,
          });
        const real = token(clientAccount, gatewayAudience);
        await each(atGateway, {}, isUnauthenticated, { authorization: real });
      });

      it("gateway: a forged token beside x-serverless-authorization changes nothing or is 16", async () => {
        const invoker = { "x-serverless-authorization": token(mallory, one.run.origin) };
        const authorization = token(eve, gatewayAudience);
        await each(atGateway, { authorization, ...invoker }, isDenied);
        for (const { value } of forged(gatewayAudience)) {
          await each(atGateway, { ...invoker, authorization: value }, isUnauthenticated);
          await each(
            atGateway,
            { ...invoker, authorization, "x-forwarded-authorization": value },
            isDenied,
          );
        }
        for (const { value } of forged(one.run.origin))
          await each(
            atGateway,
            { authorization, "x-serverless-authorization": value },
            isUnauthenticated,
          );
      });

      it("directly: a caller's x-apigateway-api-userinfo is nobody's word", async () => {
        const authorization = token(mallory, one.run.origin);
        const invented = {
          "x-apigateway-api-userinfo": userInfo(clientAccount, gatewayAudience),
        };
        await each(atRun, { authorization, ...invented }, isDenied);
        await each(atRun, { authorization }, isDenied, invented);
      });

      it("directly: a forged x-forwarded-authorization is 16, with no way back to authorization", async () => {
        // Also beside a caller who would be let in.
        for (const email of [mallory, clientAccount])
          for (const { value } of forged(gatewayAudience))
            await each(
              atRun,
              {
                authorization: token(email, one.run.origin),
                "x-forwarded-authorization": value,
              },
              isUnproven,
            );
      });

      it("directly: a forged token in authorization is 16", async () => {
        for (const { value } of forged(one.run.origin))
          await each(atRun, { authorization: value }, isUnauthenticated);
      });

      it("directly: a forged token beside x-serverless-authorization is 16 from hop server", async () => {
        const invoker = { "x-serverless-authorization": token(mallory, one.run.origin) };
        for (const { value } of forged(one.run.origin))
          await each(atRun, { ...invoker, authorization: value }, isUnproven);
        await each(atRun, invoker, isUnproven);
      });

      it("directly: tokens in trailers change nothing", async () => {
        const authorization = token(mallory, one.run.origin);
        const real = { how: "real", value: token(clientAccount, gatewayAudience) };
        for (const { value } of [...forged(gatewayAudience), real])
          await each(atRun, { authorization }, isDenied, {
            authorization: value,
            "x-forwarded-authorization": value,
          });
      });

      it("saved access.yaml is live: the next call meets it; a broken one changes nothing", async () => {
        const rules = readFileSync(one.accessFile, "utf8");
        using named = one.channel(clientAccount);
        using other = one.channel(eve);
        const codes = async () => [
          (await endOfCall(one.service.unary.call(named.transport))).code,
          (await endOfCall(one.service.unary.call(other.transport))).code,
        ];
        assert.deepEqual(await codes(), [0, 7]);
        await one.saveAccess(rules.replace(/gateway-client-sa@.*/, eve));
        assert.deepEqual(await codes(), [7, 0]);
        const from = cloud.lines.length;
        writeFileSync(one.accessFile, "rules: []\nrule: nothing\n");
        await cloud.until(() =>
          cloud.lines.slice(from).some(({ text }) => text.includes("the rules from before stay")),
        );
        assert.deepEqual(await codes(), [7, 0]);
        await one.saveAccess(rules);
        assert.deepEqual(await codes(), [0, 7]);
      });
    });
  }
});

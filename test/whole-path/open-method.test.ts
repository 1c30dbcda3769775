import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
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
import { type End, endOf } from "./refusal.ts";
import { services } from "./services.ts";

const mallory = account("mallory");

/** The gateway asks nobody for a token, and still calls the service as its own account. */
const withoutAuthentication = (config: string) =>
  config.slice(0, config.indexOf("\nauthentication:") + 1);

describe("a method that the gateway lets everybody call", () => {
  const maker = new TokenMaker();
  let cloud: LocalCloud;
  before(async () => {
    cloud = await startLocalCloud({ services, instances: 1 });
  });
  after(() => cloud[Symbol.asyncDispose]());

  for (const [index, { typeName, name, methods }] of services.entries()) {
    describe(typeName, () => {
      let one: DeployedService;
      let open: RawClient;
      before(async () => {
        one = cloud.deployed[index] as DeployedService;
        open = cloud.raw(await one.serveVariant(`open-${index}`, withoutAuthentication));
        cloud.emulator.setInvokers(
          name,
          [gatewayAccount, mallory].map((email) => `serviceAccount:${email}`),
        );
        // Whoever is taken for the gateway's account would be let in.
        await one.saveAccess(
          rules(`[serviceAccount:${gatewayAccount}, serviceAccount:${clientAccount}]`),
        );
      });

      async function each(
        headers: OutgoingHttpHeaders,
        check: (end: End, why: string) => unknown,
        trailers?: OutgoingHttpHeaders,
      ): Promise<void> {
        const ends = methods.map(async ({ path, request, kind }) => {
          const end = endOf(await open.call({ ":path": path, ...headers }, request, trailers));
          check(end, `${kind}: ${JSON.stringify(end)}`);
        });
        await Promise.all(ends);
      }
      const bearer = (email: string, audience: string) => `Bearer ${cloud.token(email, audience)}`;
      const forged = (email: string, audience: string) =>
        forgedTokens(email, audience, cloud.token(mallory, audience), maker).map(
          ({ value }) => `Bearer ${value}`,
        );

      const isAnonymous = ({ code, hop, message }: End, why: string) => {
        assert.equal(code, 16, why);
        assert.equal(hop, "server", why);
        assert.match(message, /^authentication is required to call /);
      };
      const isUnproven = ({ code, hop }: End, why: string) => {
        assert.equal(code, 16, why);
        assert.equal(hop, "server", why);
      };
      const isUnauthenticated = ({ code }: End, why: string) => assert.equal(code, 16, why);

      it("without a token the caller is anonymous, not the gateway's account (PR-4)", async () => {
        await each({}, isAnonymous);
      });

      it("what a caller says of itself in other headers, or in trailers, changes nothing", async () => {
        for (const email of [gatewayAccount, clientAccount]) {
          await each(
            { "x-apigateway-api-userinfo": userInfo(email, gatewayAudience) },
            isAnonymous,
          );
          const real = bearer(email, gatewayAudience);
          for (const value of [...forged(email, gatewayAudience), real]) {
            await each({ "x-forwarded-authorization": value }, isAnonymous);
            await each({}, isAnonymous, {
              authorization: value,
              "x-forwarded-authorization": value,
            });
          }
        }
      });

      it("a forged token is 16: the gateway looks at none here, and the server does", async () => {
        for (const email of [gatewayAccount, clientAccount])
          for (const value of forged(email, gatewayAudience))
            await each({ authorization: value }, isUnproven);
      });

      it("an invoker who shows Cloud Run its own token is still not the gateway's account", async () => {
        const invoker = { "x-serverless-authorization": bearer(mallory, one.run.origin) };
        await each(invoker, isAnonymous);
        for (const value of forged(gatewayAccount, one.run.origin)) {
          await each({ ...invoker, authorization: value }, isUnproven);
          await each({ "x-serverless-authorization": value }, isUnauthenticated);
        }
      });

      it("a good token still names its caller", async () => {
        await each({ authorization: bearer(clientAccount, gatewayAudience) }, ({ code }, why) =>
          assert.equal(code, 0, why),
        );
        await each({ authorization: bearer(mallory, gatewayAudience) }, ({ code, hop }, why) => {
          assert.equal(code, 7, why);
          assert.equal(hop, "server", why);
        });
      });

      it("allUsers lets the anonymous in, as nobody", async () => {
        await one.saveAccess(rules("[allUsers]"));
        const traceId = randomBytes(16).toString("hex");
        await each({ traceparent: `00-${traceId}-${traceId.slice(16)}-01` }, ({ code }, why) =>
          assert.equal(code, 0, why),
        );
        const { principal } = await cloud.eventOf("server", traceId);
        assert.equal(principal, "anonymous");
        await one.saveAccess(rules("[allAuthenticatedUsers]"));
        await each({}, isAnonymous);
      });
    });
  }
});

function rules(allow: string): string {
  return `rules:\n  - selector: "*"\n    allow: ${allow}\n`;
}

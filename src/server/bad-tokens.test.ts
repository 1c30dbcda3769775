import { createHmac } from "node:crypto";
import { after, before, describe, it } from "node:test";
import {
  nowMs,
  startTestIssuer,
  strangersKey,
  type TestIssuer,
  withoutSignature,
} from "./issuer-fixture.test.ts";
import { assertUnproven, bearer } from "./principal-fixture.test.ts";
import { targetAudience } from "./server-fixture.test.ts";

const forwarded = "x-forwarded-authorization";
const lastHop = "authorization";

describe("PR-1: a bad forwarded token is refused, and authorization does not stand in for it", () => {
  let issuer: TestIssuer;
  before(async () => {
    issuer = await startTestIssuer();
  });
  after(() => issuer[Symbol.asyncDispose]());
  const direct = (): string => issuer.token({ aud: targetAudience });

  for (const [what, token, why] of [
    ["expired", () => issuer.token({ exp: nowMs / 1000 - 61 }), /expired 61 s ago/],
    ["not valid yet", () => issuer.token({ iat: nowMs / 1000 + 61 }), /not valid for another 61 s/],
    [
      "of another issuer",
      () => issuer.token({ iss: "https://evil.example.com" }),
      /issuer is "https:\/\/evil/,
    ],
    [
      "for another audience",
      () => issuer.token({ aud: targetAudience }),
      /audience is "https:\/\/inventory/,
    ],
    ["signed by somebody else", () => issuer.token({}, {}, strangersKey), /signature/],
    [
      "of an unpublished key",
      () => issuer.token({}, { kid: "k2" }, strangersKey),
      /no published key/,
    ],
    ["without a signature", () => withoutSignature(issuer.token()), /signature was removed/],
    ["with an empty signature", () => `${issuer.token().split(".").slice(0, 2).join(".")}.`, /./],
    ["of algorithm none", () => issuer.token({}, { alg: "none" }), /alg/],
    [
      "of a shared secret that is the public key",
      () => hmacForgery(issuer.token(), issuer.publicKeyPem),
      /alg/,
    ],
    [
      "with changed claims",
      () => changed(issuer.token(), { email: "root@example.com" }),
      /signature/,
    ],
    ["an access token", () => "ya29.a0AfH6SNOT-A-JWT", /access token/],
    ["a word", () => "letmein", /not an ID token/],
  ] as const)
    it(what, async () => {
      const good = bearer(direct());
      await assertUnproven(issuer, [forwarded, bearer(token()), lastHop, good], why, {
        trustPlatform: true,
      });
    });

  it("no bearer token at all", async () => {
    await assertUnproven(
      issuer,
      [forwarded, "Basic YTpi", lastHop, bearer(direct())],
      /not one bearer token/,
    );
    await assertUnproven(
      issuer,
      [forwarded, "", lastHop, bearer(direct())],
      /not one bearer token/,
    );
    const two = `${bearer(issuer.token())}, ${bearer(issuer.token())}`;
    await assertUnproven(issuer, [forwarded, two], /not one bearer token/);
  });

  it("a server that was not told the gateway's audience", async () => {
    const policy = { gatewayAudience: undefined };
    await assertUnproven(
      issuer,
      [forwarded, bearer(issuer.token()), lastHop, bearer(direct())],
      /which audience/,
      policy,
    );
  });
});

/** HS256 with the issuer's public key as the secret: works on verifiers that let the token choose. */
function hmacForgery(token: string, publicKey: string): string {
  const [, payload] = token.split(".");
  const input = `${Buffer.from(JSON.stringify({ alg: "HS256", kid: "k1" })).toString("base64url")}.${payload}`;
  return `${input}.${createHmac("sha256", publicKey).update(input).digest("base64url")}`;
}

/** Other claims under the old signature. */
function changed(token: string, claims: object): string {
  const [header, payload = "", signature] = token.split(".");
  const all = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), ...claims };
  return [header, Buffer.from(JSON.stringify(all)).toString("base64url"), signature].join(".");
}

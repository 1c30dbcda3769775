import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import { IngressTraffic } from "../../google/gen/google/cloud/run/v2/vendor_settings_pb.ts";
import { setMembers } from "../iam/bindings.ts";
import { gatewaySa, serviceName, startTestRun, type TestRun } from "./run-fixture.test.ts";

const path = "/echo.EchoServer/SayHello";
const uri = "https://echo-123456789012.us-central1.run.app";
const invoker = "roles/run.invoker";

describe("admit", () => {
  let test: TestRun;
  let traces = 0;
  before(async () => {
    test = await startTestRun();
    await test.deploy((service) => {
      service.customAudiences = ["grpcs://echo"];
    });
  });
  after(() => test[Symbol.asyncDispose]());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  const mint = (more: { lifetimeS?: number; claims?: { iss: string } }): string =>
    test.issuer.mint({ email: gatewaySa, audience: uri, ...more }).value;

  /** A call with a trace id of its own, and what the front told of it. */
  async function traced(headers: Record<string, string | string[]>) {
    const traceId = (++traces).toString(16).padStart(32, "0");
    const traceparent = `00-${traceId}-00000000000000aa-01`;
    const answer = await test.call(path, { ...headers, traceparent });
    const event = test.events.find((one) => one.traceId === traceId);
    return { answer, event };
  }

  const tokenInvalid = {
    status: 401,
    reason: "RUN_TOKEN_INVALID",
    challenge:
      'Bearer error="invalid_token" error_description="The access token could not be verified"',
  };

  const PAGES = {
    401: /<title>401 Unauthorized<\/title>/,
    403: /does not have permission to get URL <code>\/echo\.EchoServer\/SayHello<\/code> from this server/,
  };

  /** The token with another third part. */
  const resigned = (token: string, signature: string): string =>
    `${token.slice(0, token.lastIndexOf("."))}.${signature}`;

  for (const [what, claims] of [
    ["its own origin", {}],
    ["its run.app address", { audience: uri }],
    ["a custom audience", { audience: "grpcs://echo" }],
  ] as const) {
    it(`lets an invoker in with a token for ${what}`, async () => {
      const { answer, event } = await traced(bearer(test.token(claims)));
      assert.equal(answer.status, 200);
      assert.equal(event?.principal, gatewaySa);
      assert.equal(event?.rejection, undefined);
    });
  }

  const denials: readonly (readonly [
    string,
    () => Record<string, string | string[]>,
    { status: number; reason: string; challenge?: string; detail: RegExp; fix: RegExp },
  ])[] = [
    [
      "no token with 403",
      () => ({}),
      {
        status: 403,
        reason: "RUN_UNAUTHENTICATED",
        detail: /The request was not authenticated/,
        fix: /an ID token for https:\/\/localhost:\d+/,
      },
    ],
    [
      "an expired token with 401",
      () => bearer(mint({ lifetimeS: -61 })),
      {
        ...tokenInvalid,
        detail: /it expired 6\d s ago/,
        fix: /mint a new token/,
      },
    ],
    [
      "another audience with 401",
      () => bearer(test.token({ audience: "https://other.run.app" })),
      {
        ...tokenInvalid,
        detail: /its audience is https:\/\/other\.run\.app; accepted: https:\/\/localhost:\d+ or/,
        fix: /jwt_audience: https:\/\/localhost:\d+ in its backend rule/,
      },
    ],
    [
      "its own origin with a slash at the end with 401",
      () => bearer(test.token({ audience: `${uri}/` })),
      {
        ...tokenInvalid,
        detail: /the bare origin: no path, no slash at its end/,
        fix: /mint it for/,
      },
    ],
    [
      "another issuer with 401",
      () => bearer(mint({ claims: { iss: "https://evil" } })),
      {
        ...tokenInvalid,
        detail: /its issuer is https:\/\/evil/,
        fix: /Google's issuer/,
      },
    ],
    [
      "a swapped signature with 401, also of a token that was let in before",
      () => bearer(resigned(test.token(), "AAAA")),
      {
        ...tokenInvalid,
        detail: /its signature is not by a key of the issuer/,
        fix: /send an ID token/,
      },
    ],
    [
      "a token whose signature was removed with 401",
      () => bearer(resigned(test.token(), "SIGNATURE_REMOVED_BY_GOOGLE")),
      {
        ...tokenInvalid,
        detail: /it has|has no signature: Cloud Run removed it/,
        fix: /send an ID token/,
      },
    ],
    [
      "an access token with 401",
      () => bearer(test.issuer.mintAccessToken({ email: gatewaySa, scopes: [] }).value),
      {
        ...tokenInvalid,
        detail: /it is no ID token/,
        fix: /send an ID token/,
      },
    ],
    [
      "another scheme with 401",
      () => ({ authorization: "Basic YTpi" }),
      {
        ...tokenInvalid,
        detail: /authorization is not "Bearer TOKEN"/,
        fix: /send an ID token/,
      },
    ],
    [
      "a bad x-serverless-authorization with 401, whatever authorization says",
      () => ({ ...bearer(test.token()), "x-serverless-authorization": "Bearer x.y.z" }),
      {
        ...tokenInvalid,
        detail: /it is no ID token/,
        fix: /send an ID token/,
      },
    ],
    [
      "two values of x-serverless-authorization with 401",
      () => ({
        "x-serverless-authorization": [`Bearer ${test.token()}`, `Bearer ${test.token()}`],
      }),
      {
        ...tokenInvalid,
        detail: /2 values of x-serverless-authorization/,
        fix: /send one token/,
      },
    ],
    [
      "a principal without the role with 403",
      () => bearer(test.token({ email: "eve@elsewhere.iam.gserviceaccount.com" })),
      {
        status: 403,
        reason: "RUN_FORBIDDEN",
        detail:
          /serviceAccount:eve@elsewhere\.iam\.gserviceaccount\.com has no role with run\.routes\.invoke on echo/,
        fix: /^grant roles\/run\.invoker to serviceAccount:eve@elsewhere\.iam\.gserviceaccount\.com on echo$/,
      },
    ],
    [
      "an email that is not verified with 403",
      () => bearer(test.token({ emailVerified: false })),
      {
        status: 403,
        reason: "RUN_FORBIDDEN",
        detail: /its token has no verified email/i,
        fix: /includeEmail/,
      },
    ],
  ];
  for (const [what, headers, want] of denials) {
    it(`refuses ${what}`, async () => {
      const { answer, event } = await traced(headers());
      assert.equal(answer.status, want.status);
      assert.equal(answer.headers["content-type"], "text/html; charset=UTF-8");
      assert.equal(answer.headers["www-authenticate"], want.challenge);
      assert.match(answer.body, PAGES[want.status as 401 | 403]);
      assert.equal(event?.httpStatus, want.status);
      assert.equal(event?.rejection?.hop, "cloud-run");
      assert.equal(event?.rejection?.reason, want.reason);
      assert.match(event?.rejection?.detail ?? "", want.detail);
      assert.match(event?.rejection?.fix ?? "", want.fix);
      assert.doesNotMatch(JSON.stringify(event), /eyJ/, "no token is told");
    });
  }

  it("follows the policy: granted works, revoked is refused again", async () => {
    const ada = "ada@callpath-local.iam.gserviceaccount.com";
    const headers = bearer(test.token({ email: ada }));
    assert.equal((await test.call(path, headers)).status, 403);
    setMembers(test.store, serviceName, invoker, [`serviceAccount:${ada}`]);
    assert.equal((await test.call(path, headers)).status, 200);
    setMembers(test.store, serviceName, invoker, [`serviceAccount:${gatewaySa}`]);
    assert.equal((await test.call(path, headers)).status, 403);
  });

  it("accepts what a rotated key signs, and what the old one signed", async () => {
    const before = bearer(test.token());
    assert.equal((await test.call(path, before)).status, 200);
    await test.issuer.rotate();
    assert.equal((await test.call(path, bearer(test.token()))).status, 200);
    assert.equal((await test.call(path, before)).status, 200);
  });

  it("escapes the path in its page", async () => {
    const answer = await test.call("/<script>alert(1)</script>");
    assert.equal(answer.status, 403);
    assert.doesNotMatch(answer.body, /<script>/);
  });

  it("hides a service whose ingress is internal", async () => {
    const change = (ingress: IngressTraffic): void => {
      const message = test.store.get(ServiceSchema, serviceName)?.message;
      assert.ok(message);
      test.store.put(ServiceSchema, serviceName, { ...message, ingress });
    };
    change(IngressTraffic.INTERNAL_ONLY);
    const { answer, event } = await traced(bearer(test.token()));
    change(IngressTraffic.ALL);
    assert.equal(answer.status, 404);
    assert.equal(event?.rejection?.reason, "RUN_NOT_FOUND");
    assert.equal((await test.call(path, bearer(test.token()))).status, 200);
  });
});

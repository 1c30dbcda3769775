import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { setMembers } from "../iam/bindings.ts";
import { answerOf, echoOf } from "./container-fixture.test.ts";
import { gatewaySa, serviceName, startTestRun, type TestRun } from "./run-fixture.test.ts";

const path = "/echo.EchoServer/SayHello";
const invoker = "roles/run.invoker";

describe("Front", () => {
  let test: TestRun;
  before(async () => {
    test = await startTestRun();
    await test.deploy();
  });
  after(() => test[Symbol.asyncDispose]());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  /** The token with another third part. */
  const resigned = (token: string, signature: string): string =>
    `${token.slice(0, token.lastIndexOf("."))}.${signature}`;

  it("removes the signature of the token it has checked", async () => {
    const token = test.token();
    const { headers } = echoOf(await test.call(path, bearer(token)));
    assert.equal(headers.authorization, `Bearer ${resigned(token, "SIGNATURE_REMOVED_BY_GOOGLE")}`);
  });

  it("passes authorization untouched where x-serverless-authorization names the caller", async () => {
    const serverless = test.token();
    const { headers } = echoOf(
      await test.call(path, {
        authorization: "Bearer the.applications.own",
        "x-serverless-authorization": `Bearer ${serverless}`,
      }),
    );
    assert.equal(headers.authorization, "Bearer the.applications.own");
    assert.equal(
      headers["x-serverless-authorization"],
      `Bearer ${resigned(serverless, "SIGNATURE_REMOVED_BY_GOOGLE")}`,
    );
  });

  it("looks at no token where everybody may call, and lets it through whole", async () => {
    setMembers(test.store, serviceName, invoker, ["allUsers"]);
    try {
      for (const authorization of ["Bearer not.a.token", `Bearer ${test.token()}`]) {
        const { headers } = echoOf(await test.call(path, { authorization }));
        assert.equal(headers.authorization, authorization);
      }
      assert.equal((await test.call(path)).status, 200);
    } finally {
      setMembers(test.store, serviceName, invoker, [`serviceAccount:${gatewaySa}`]);
    }
  });

  it("adds Cloud Run's headers behind what the caller says of itself", async () => {
    const { headers } = echoOf(
      await test.call(path, {
        ...bearer(test.token()),
        "x-forwarded-for": "10.0.0.1",
        "x-forwarded-proto": "http",
        forwarded: 'for="10.0.0.1"',
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "x-custom": "kept",
      }),
    );
    assert.equal(headers["x-forwarded-for"], "10.0.0.1, 127.0.0.1");
    assert.equal(headers["x-forwarded-proto"], "https");
    assert.equal(headers.forwarded, 'for="10.0.0.1", for="127.0.0.1";proto=https');
    assert.match(
      headers["x-cloud-trace-context"] ?? "",
      /^0af7651916cd43dd8448eb211c80319c\/\d+;o=1$/,
    );
    assert.match(
      headers.traceparent ?? "",
      /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/,
    );
    assert.equal(headers["x-custom"], "kept");
    assert.equal(headers.te, "trailers");
    assert.match(headers[":authority"] ?? "", /^localhost/);
  });

  it("makes a trace for a call that brings none, and tells it", async () => {
    const { headers } = echoOf(await test.call("/untraced/call", bearer(test.token())));
    const event = await test.eventOf("/untraced/call");
    assert.equal(headers.traceparent?.slice(3, 35), event.traceId);
  });

  it("passes trailers, without tokens in them", async () => {
    const stream = test.open(path, bearer(test.token()), { waitForTrailers: true });
    stream.on("wantTrailers", () =>
      stream.sendTrailers({ authorization: "Bearer forged", "x-kept": "yes" }),
    );
    stream.end("body");
    const { trailers } = echoOf(await answerOf(stream));
    assert.deepEqual(trailers, { "x-kept": "yes" });
  });

  for (const method of ["GET", "HEAD"]) {
    it(`answers ${method} over HTTP/1.1 too`, async () => {
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      const options = { method, ca: test.ca.certPem, agent: false } as const;
      const address = test.store.addressOf(serviceName);
      https.request(`${address}/`, options, resolve).on("error", reject).end();
      const answer = await promise;
      assert.equal(answer.statusCode, 403);
      assert.equal(answer.headers["content-type"], "text/html; charset=UTF-8");
      const body = await text(answer);
      assert.equal(body.includes("does not have permission"), method === "GET");
    });
  }
});

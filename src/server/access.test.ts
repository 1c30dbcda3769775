import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Code } from "@connectrpc/connect";
import {
  gatewayAudience,
  startTestIssuer,
  type TestIssuer,
  withoutSignature,
} from "./issuer-fixture.test.ts";
import { bearer } from "./principal-fixture.test.ts";
import { answerOf, callRaw, connectRaw, grpc, hammer } from "./raw-client-fixture.test.ts";
import {
  gatewayAccount,
  startTestServer,
  targetAudience,
  testGuard,
} from "./server-fixture.test.ts";

const service = "acme.inventory.v1.InventoryService";
const forwarded = "x-forwarded-authorization";

describe("who may call what", () => {
  let issuer: TestIssuer;
  before(async () => {
    issuer = await startTestIssuer();
  });
  after(() => issuer[Symbol.asyncDispose]());

  /** GetItem by this caller under these rules. */
  async function call(access: string | undefined, claims: object | undefined) {
    using guarded = testGuard(issuer, access);
    await using server = await startTestServer({ guard: guarded.guard });
    const token = claims === undefined ? [] : [forwarded, bearer(issuer.token({ ...claims }))];
    const { grpcStatus, grpcMessage } = await callRaw(server.url, token);
    const [entry] = await server.logged(1);
    return { grpcStatus, grpcMessage, event: entry?.callpath };
  }

  const ada = {};
  const bob = { email: "bob@elsewhere.com" };
  const sa = { email: "sa@p.iam.gserviceaccount.com" };
  const nameless = { email: undefined };
  const unverified = { email_verified: false };
  const allowing = (member: string): string =>
    `# rules\nrules:\n  - selector: "*"\n    allow: ["${member}"]\n`;

  for (const [member, let_in, kept_out] of [
    ["user:ada@example.com", [ada], [bob, sa, nameless, unverified]],
    ["user:ADA@example.com", [ada, { email: "Ada@Example.com" }], [bob]],
    [
      "serviceAccount:sa@p.iam.gserviceaccount.com",
      [sa],
      [ada, { email: "sa@q.iam.gserviceaccount.com" }],
    ],
    [
      "domain:example.com",
      [ada],
      [bob, { email: "ada@notexample.com" }, { email: "ada@sub.example.com" }, unverified],
    ],
    ["allAuthenticatedUsers", [ada, bob, sa, nameless, unverified], []],
    ["allUsers", [ada, nameless], []],
  ] as const)
    it(`${member} lets in whom it means, and nobody else`, async () => {
      for (const claims of let_in)
        assert.equal((await call(allowing(member), claims)).grpcStatus, 0);
      for (const claims of kept_out) {
        const { grpcStatus, grpcMessage } = await call(allowing(member), claims);
        assert.equal(grpcStatus, Code.PermissionDenied, JSON.stringify(claims));
        assert.equal(grpcMessage, `not allowed to call ${service}.GetItem`);
      }
    });

  it("anonymous callers: allUsers lets them in, everything else answers 16", async () => {
    assert.equal((await call(allowing("allUsers"), undefined)).grpcStatus, 0);
    for (const member of ["allAuthenticatedUsers", "user:ada@example.com", "domain:example.com"]) {
      const { grpcStatus, event } = await call(allowing(member), undefined);
      assert.equal(grpcStatus, Code.Unauthenticated);
      assert.partialDeepStrictEqual(event, { rejection: { reason: "PRINCIPAL_MISSING" } });
    }
  });

  it("a denial says in the log who is not in which rule, and what to add", async () => {
    const { event } = await call(allowing("user:root@example.com"), {
      email: "eve@elsewhere.iam.gserviceaccount.com",
    });
    assert.partialDeepStrictEqual(event, {
      hop: "server",
      grpcStatus: 7,
      principal: "eve@elsewhere.iam.gserviceaccount.com",
      rejection: {
        hop: "server",
        reason: "ACCESS_DENIED",
        code: 7,
        message: `not allowed to call ${service}.GetItem`,
        detail: "eve@elsewhere.iam.gserviceaccount.com is not in server/access.yaml:3",
        fix: "add serviceAccount:eve@elsewhere.iam.gserviceaccount.com under allow: in server/access.yaml (saved = live)",
      },
      steps: [
        { hop: "server", rule: "principal", ok: true },
        { hop: "server", rule: "access", ok: false },
      ],
    });
  });

  it("the last rule that matches decides alone", async () => {
    const narrowed = `rules:
  - selector: "*"
    allow: [allUsers]
  - selector: ${service}.GetItem
    allow: [user:ada@example.com]
`;
    assert.equal((await call(narrowed, ada)).grpcStatus, 0);
    assert.equal((await call(narrowed, bob)).grpcStatus, Code.PermissionDenied);
    const widened = `rules:
  - selector: ${service}.GetItem
    allow: [user:ada@example.com]
  - selector: ${service}.*
    allow: [allUsers]
`;
    assert.equal((await call(widened, bob)).grpcStatus, 0);
  });

  it("a method that no rule matches is denied to everybody", async () => {
    const other = `rules: [{ selector: ${service}.ListItems, allow: [allUsers] }]`;
    const { grpcStatus, event } = await call(other, ada);
    assert.equal(grpcStatus, Code.PermissionDenied);
    assert.partialDeepStrictEqual(event, {
      rejection: { detail: `no rule in server/access.yaml matches ${service}.GetItem` },
    });
    assert.equal((await call(other, undefined)).grpcStatus, Code.PermissionDenied);
  });

  it("--validateToken alone: every verified caller is let in, nobody else", async () => {
    assert.equal((await call(undefined, ada)).grpcStatus, 0);
    assert.equal((await call(undefined, nameless)).grpcStatus, 0);
    const { grpcStatus, grpcMessage } = await call(undefined, undefined);
    assert.equal(grpcStatus, Code.Unauthenticated);
    assert.equal(grpcMessage, `authentication is required to call ${service}.GetItem`);
  });

  it("PR-4: an anonymous call that the gateway let in is no principal, and never the gateway's account", async () => {
    const access = allowing(`serviceAccount:${gatewayAccount}`);
    using guarded = testGuard(issuer, access, { trustPlatform: true });
    await using server = await startTestServer({ guard: guarded.guard });
    const gateways = issuer.token({ aud: targetAudience, email: gatewayAccount });
    for (const token of [gateways, withoutSignature(gateways)]) {
      const { grpcStatus } = await callRaw(server.url, ["authorization", bearer(token)]);
      assert.equal(grpcStatus, Code.Unauthenticated);
    }
  });

  for (const method of ["GetItem", "ListItems", "AddItems", "TrackItems"])
    it(`${method} is refused before its first message, and the request is given up`, async () => {
      using guarded = testGuard(issuer, allowing("user:ada@example.com"));
      let ran = false;
      await using server = await startTestServer({
        guard: guarded.guard,
        interceptors: [
          (next) => (request) => {
            ran = true;
            return next(request);
          },
        ],
      });
      await using client = await connectRaw(server.url);
      // Neither a message nor an end is ever sent.
      const stream = client.open(`/${service}/${method}`, [
        ...grpc,
        forwarded,
        bearer(issuer.token(bob)),
      ]);
      const answer = await answerOf(stream);
      assert.equal(answer.grpcStatus, Code.PermissionDenied);
      assert.ok(answer.isTrailersOnly);
      assert.equal(ran, false);
      assert.equal(answer.resetCode, 0);
    });

  it("grpc.health.v1.Health is always answered, also to a caller with a bad token", async () => {
    using guarded = testGuard(issuer, allowing("user:ada@example.com"));
    await using server = await startTestServer({ guard: guarded.guard });
    await using client = await connectRaw(server.url);
    for (const headers of [[], [forwarded, "Bearer junk"]]) {
      const stream = client.open("/grpc.health.v1.Health/Check", [...grpc, ...headers]);
      stream.end(Buffer.alloc(5));
      assert.equal((await answerOf(stream)).grpcStatus, 0);
    }
    for (const { severity } of await server.logged(2))
      assert.equal(severity, "DEBUG", "probes are no news");
  });

  it("rules hold for gRPC-Web and Connect too, where the server answers them", async () => {
    using guarded = testGuard(issuer, allowing("user:ada@example.com"));
    await using server = await startTestServer({
      guard: guarded.guard,
      protocols: ["grpc", "grpc-web", "connect"],
    });
    const ask = (type: string, body: NonNullable<RequestInit["body"]>, claims: object) =>
      fetch(new URL(`/${service}/GetItem`, server.url), {
        method: "POST",
        headers: {
          "content-type": type,
          connection: "close",
          [forwarded]: bearer(issuer.token({ ...claims })),
        },
        body,
      });
    const json = JSON.stringify({ sku: "hammer" });
    const connectOk = await ask("application/json", json, ada);
    assert.equal(((await connectOk.json()) as { item: { sku: string } }).item.sku, "hammer");
    const connectNo = await ask("application/json", json, bob);
    assert.equal(connectNo.status, 403);
    assert.equal(((await connectNo.json()) as { code: string }).code, "permission_denied");
    const webOk = await ask("application/grpc-web+proto", hammer, ada);
    assert.match(await webOk.text(), /grpc-status: 0/);
    const webNo = await ask("application/grpc-web+proto", hammer, bob);
    assert.match(await webNo.text(), /grpc-status: 7/);
  });

  it("a token for the wrong door opens none: gateway audience in authorization, service audience forwarded", async () => {
    using guarded = testGuard(issuer, allowing("allAuthenticatedUsers"));
    await using server = await startTestServer({ guard: guarded.guard });
    for (const headers of [
      ["authorization", bearer(issuer.token({ aud: gatewayAudience }))],
      [forwarded, bearer(issuer.token({ aud: targetAudience }))],
    ])
      assert.equal((await callRaw(server.url, headers)).grpcStatus, Code.Unauthenticated);
  });
});

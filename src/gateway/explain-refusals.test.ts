import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@connectrpc/connect";
import { at, makeHead, makeModel, makeRoute } from "../../test/made-call.ts";
import { bearer, decided } from "../../test/made-decision.ts";
import {
  context,
  event,
  passedGateway,
  passedRun,
  refusedByGateway,
  rejection,
} from "../../test/made-story.ts";
import { explain, printStory } from "./explain.ts";

describe("explain, refusal by refusal", () => {
  const strict = makeModel(makeRoute({ apiKey: { required: true, at: at(10, 7) } }));
  for (const [reason, decision, fix] of [
    [
      "METHOD_NOT_FOUND",
      decided(makeHead([], { path: "/echo.EchoServer/sayhello" })),
      /^npx callpath call echo\.EchoServer\/SayHello '\{"name":"Ada"\}'/,
    ],
    [
      "METHOD_NOT_FOUND",
      decided(makeHead([], { path: "/grpc.health.v1.Health/Check" })),
      /^Add "- name: grpc\.health\.v1\.Health" under apis: \(gateway\/api_config\.yaml:6:1\)/,
    ],
    ["HTTP_METHOD_NOT_ALLOWED", decided(makeHead([], { method: "GET" })), /POST/],
    [
      "TOKEN_MISSING",
      decided(makeHead()),
      /^npx callpath call .* --audience grpcs:\/\/grpc-gateway-1$/,
    ],
    [
      "TOKEN_MALFORMED",
      decided(makeHead([["authorization", "Bearer x"]])),
      /^npx callpath call .* --audience/,
    ],
    [
      "ALGORITHM_NOT_SUPPORTED",
      decided(makeHead([bearer({}, { alg: "none" })])),
      /^npx callpath call .* --audience/,
    ],
    [
      "ISSUER_NOT_CONFIGURED",
      decided(makeHead([bearer({ iss: "x" })])),
      /ID token of https:\/\/accounts\.google\.com/,
    ],
    ["TOKEN_EXPIRED", decided(makeHead([bearer({ exp: 1 })])), /^npx callpath call .* --audience/],
    ["TOKEN_NOT_YET_VALID", decided(makeHead([bearer({ nbf: 9e9 })])), /clock/],
    [
      "AUDIENCE_MISMATCH",
      decided(makeHead([bearer({ aud: "x" })])),
      /^npx callpath call .* --audience/,
    ],
    [
      "KEYS_NOT_AVAILABLE",
      decided(makeHead([bearer()]), undefined, {
        keysOf: () => ({ fault: "Jwks remote fetch is failed" }),
      }),
      /jwks_uri \(gateway\/api_config\.yaml:23:17\)/,
    ],
    ["KEY_NOT_FOUND", decided(makeHead([bearer({}, { kid: "x" })])), /Mint a new token/],
    [
      "SIGNATURE_INVALID",
      decided(makeHead([["authorization", `${bearer()[1].slice(0, -6)}AAAAAA`]])),
      /Mint a new token/,
    ],
    ["API_KEY_MISSING", decided(makeHead([bearer()]), strict), /allow_unregistered_calls: true/],
    [
      "API_KEY_INVALID",
      decided(makeHead([bearer(), ["x-api-key", "k"]]), strict),
      /allow_unregistered_calls: true/,
    ],
  ] as const)
    it(`the gateway's ${reason}: hops, the rule with its place, what was wanted, one fix`, () => {
      const story = explain(refusedByGateway(decision), context);
      assert.equal(story.reason, reason);
      assert.match(story.fix, fix);
      const text = printStory(story);
      const [head = "", blank, path] = text.split("\n");
      assert.match(head, /^[A-Z_]+ {2}\{"code":\d+,"message":".+"\}$/);
      assert.equal(blank, "");
      assert.equal(
        path,
        "  client -> gateway x        cloud run and the server never saw this call",
      );
      assert.match(text, / refused {2}\S/);
      assert.equal(text.split("\n  fix   ").length, 2);
    });

  for (const [reason, code, reached] of [
    ["RUN_UNAUTHENTICATED", Code.PermissionDenied, true],
    ["RUN_TOKEN_INVALID", Code.Unauthenticated, true],
    ["RUN_FORBIDDEN", Code.PermissionDenied, true],
    ["RUN_NOT_FOUND", Code.Unimplemented, true],
    ["RUN_NO_INSTANCE", Code.Unavailable, true],
    ["RUN_START_FAILED", Code.Unavailable, true],
    ["RUN_TIMEOUT", Code.Unavailable, false],
    ["RUN_CONTAINER_ERROR", Code.Unavailable, false],
  ] as const)
    it(`Cloud Run's ${reason}: who let it through, what the front says, its fix`, () => {
      const denial = rejection({ hop: "cloud-run", reason, code });
      const events = [passedGateway, event("cloud-run", { rejection: denial })];
      const story = explain({ answer: { code, message: "HTTP 403" }, events }, context);
      const never = reached ? "        the server never saw this call" : "";
      assert.deepEqual(printStory(story).split("\n").slice(1), [
        "",
        `  client -> gateway ok -> cloud run x${never}`,
        "    gateway    a valid Google token for grpcs://grpc-gateway-1: let through, as API Gateway would",
        "    cloud run  what was seen",
        "",
        "  fix   what to do",
      ]);
    });
  for (const [reason, code] of [
    ["PRINCIPAL_UNPROVEN", Code.Unauthenticated],
    ["PRINCIPAL_MISSING", Code.Unauthenticated],
    ["ACCESS_DENIED", Code.PermissionDenied],
    ["SERVER_DRAINING", Code.Unavailable],
  ] as const)
    it(`the server's ${reason}: every hop before it let the call through`, () => {
      const denied = rejection({ hop: "server", reason, code });
      const events = [passedGateway, passedRun, event("server", { rejection: denied })];
      const story = explain({ answer: { code, message: "words" }, events }, context);
      assert.match(printStory(story), /client -> gateway ok -> cloud run ok -> server x\n/);
      assert.match(printStory(story), /\n {4}server {5}what was seen\n/);
      assert.equal(story.fix, "what to do");
    });
});

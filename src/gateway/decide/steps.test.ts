import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  at,
  goodClaims,
  makeHead,
  makeModel,
  makeRoute,
  nowMs,
  nowS,
  requirement,
} from "../../../test/made-call.ts";
import {
  bearer,
  decided,
  jwtRoute,
  keys,
  mint,
  refusalOf,
  walkthrough,
} from "../../../test/made-decision.ts";
import type { Head } from "../../http2/head.ts";
import { type Decision, decide } from "./decide.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

/** route ok, audience REFUSED, signature -: one word a step. */
const outline = ({ steps }: Decision): string =>
  steps
    .map(({ rule, ok }) => `${rule} ${ok === undefined ? "-" : ok ? "ok" : "REFUSED"}`)
    .join(", ");

describe("decide: steps", () => {
  it("says nothing unless asked", () => {
    assert.deepEqual(decide(walkthrough, keys, makeHead(), nowMs).steps, []);
  });
  it("a call that passes: what each rule saw", () => {
    const { steps } = decided(makeHead([bearer()]));
    assert.deepEqual(steps, [
      { hop: "gateway", rule: "route", ok: true, detail: "echo.EchoServer.SayHello" },
      { hop: "gateway", rule: "issuer", ok: true, detail: "https://accounts.google.com" },
      { hop: "gateway", rule: "time", ok: true, detail: "59 min left" },
      { hop: "gateway", rule: "audience", ok: true, detail: "grpcs://grpc-gateway-1" },
      { hop: "gateway", rule: "signature", ok: true, detail: "RS256, key key-1" },
    ]);
  });
  it("a refused call: what was seen, what was wanted and where it stands, what was not looked at and why", () => {
    const { steps } = decided(makeHead([bearer({ aud: "https://wrong" })]));
    assert.deepEqual(steps.slice(3), [
      {
        hop: "gateway",
        rule: "audience",
        ok: false,
        detail: "https://wrong",
        wanted: "gateway/api_config.yaml:22:16 accepts grpcs://grpc-gateway-1",
      },
      {
        hop: "gateway",
        rule: "signature",
        ok: undefined,
        detail: "not looked at: API Gateway checks the audience first",
      },
    ]);
  });
  const strict = makeModel(makeRoute({ apiKey: { required: true, at: at(10, 7) } }));
  const open = makeModel(makeRoute({ auth: { kind: "open", at: undefined } }));
  const optional = makeModel(jwtRoute([requirement], true));
  for (const [expected, head, model] of [
    ["route REFUSED", makeHead([], { path: "/x" }), walkthrough],
    ["route REFUSED", makeHead([], { method: "GET" }), walkthrough],
    ["route ok, token REFUSED, issuer -, time -, audience -, signature -", makeHead(), walkthrough],
    [
      "route ok, token REFUSED, issuer -, time -, audience -, signature -",
      makeHead([["authorization", "Bearer x"]]),
      walkthrough,
    ],
    [
      "route ok, issuer REFUSED, time -, audience -, signature -",
      makeHead([bearer({ iss: "x" })]),
      walkthrough,
    ],
    [
      "route ok, issuer ok, time REFUSED, audience -, signature -",
      makeHead([bearer({ exp: 1 })]),
      walkthrough,
    ],
    [
      "route ok, issuer ok, time ok, audience ok, signature REFUSED",
      makeHead([bearer({}, { kid: "x" })]),
      walkthrough,
    ],
    ["route ok, token ok", makeHead(), open],
    ["route ok, token ok", makeHead(), optional],
    [
      "route ok, issuer ok, time ok, audience ok, signature ok, api key REFUSED",
      makeHead([bearer()]),
      strict,
    ],
    [
      "route ok, issuer ok, time REFUSED, audience -, signature -, api key -",
      makeHead([bearer({ exp: 1 })]),
      strict,
    ],
  ] as const)
    it(expected, () => assert.equal(outline(decided(head, model)), expected));
  it("keys that are not here yet: the signature is not looked at yet", () => {
    const decision = decided(makeHead([bearer()]), walkthrough, { keysOf: () => undefined });
    assert.equal(outline(decision), "route ok, issuer ok, time ok, audience ok, signature -");
  });
  it("every refusal names hop, reason, code, what was seen and wanted, a place in the config, and a fix", () => {
    const heads = [
      makeHead([], { path: "/grpc.health.v1.Health/Check" }),
      makeHead([], { path: "/x.Y/Z" }),
      makeHead(),
      makeHead([bearer({ iss: "x" })]),
      makeHead([bearer({ aud: "x" })]),
      makeHead([bearer({}, { kid: "x" })]),
      makeHead([["authorization", `Bearer ${mint()}x`]]),
    ];
    for (const head of heads) {
      const refusal = refusalOf(decided(head));
      assert.equal(refusal.hop, "gateway");
      assert.ok(refusal.fix.length > 10 && refusal.detail.includes(refusal.seen), refusal.reason);
      assert.ok(refusal.detail.includes(refusal.wanted), refusal.reason);
    }
    for (const head of heads.slice(0, -1))
      assert.match(refusalOf(decided(head)).detail, /gateway\/api_config\.yaml:\d+:\d+/);
  });
  it("times are told in words", () => {
    const time = (claims: object): string =>
      decided(makeHead([bearer(claims)])).steps.find(({ rule }) => rule === "time")?.detail ?? "";
    assert.equal(time({ exp: nowS + 30 }), "30 s left");
    assert.equal(time({ exp: nowS - 30 }), "expired 30 s ago");
    assert.equal(time({ exp: nowS - 3600 }), "expired 60 min ago");
    assert.equal(time({ exp: nowS - 86_400 * 3 }), "expired 3 days ago");
    assert.equal(time({ exp: nowS + 3600 * 5 }), "5 h left");
    assert.equal(time({ nbf: nowS + 600 }), "valid in 10 min");
    assert.equal(time({ exp: undefined }), "no expiry");
  });
  it("never shows the token, and cuts and cleans what a caller wrote", () => {
    const nasty = `\u001b[2Jevil\u202e\n${"x".repeat(5000)}`;
    const calls: Head[] = [
      makeHead([bearer({ aud: nasty })]),
      makeHead([bearer({ iss: nasty })]),
      makeHead([bearer({}, { kid: nasty })]),
      makeHead([], { path: `/${nasty}` }),
      makeHead([], { method: nasty }),
    ];
    for (const head of calls) {
      const decision = decided(head);
      const text = JSON.stringify([
        decision.steps,
        refusalOf(decision).detail,
        refusalOf(decision).fix,
      ]);
      assert.doesNotMatch(text, /\\u001b|\u202e|\\n/);
      assert.ok(text.length < 3000, String(text.length));
      const token = head
        .find(({ name }) => name === "authorization")
        ?.value.split(".")
        .at(-1);
      assert.ok(token === undefined || !text.includes(token));
    }
  });
  it("explain and data plane cannot differ: with steps, with a cache and with neither the verdict is one", () => {
    const claims = [{}, { iss: "x" }, { exp: 1 }, { nbf: nowS + 999 }, { aud: "x" }, { exp: "1" }];
    const headers = [{}, { kid: "x" }, { alg: "none" }, { alg: "HS256" }];
    const cache = new VerifiedTokens();
    for (const changed of claims)
      for (const header of headers) {
        const head = makeHead([
          ["authorization", `Bearer ${mint({ ...goodClaims, ...changed }, header)}`],
        ]);
        const plain = decide(walkthrough, keys, head, nowMs);
        for (const options of [{ steps: true }, { cache }, { cache }, { steps: true, cache }])
          assert.deepEqual(
            { ...decide(walkthrough, keys, head, nowMs, options), steps: [] },
            plain,
          );
      }
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  goodClaims,
  makeHead,
  makeModel,
  part,
  provider,
  requirement,
} from "../../../test/made-call.ts";
import {
  assertDecidedAgainst,
  bearer,
  decided,
  jwtRoute,
  mint,
  refusalOf,
} from "../../../test/made-decision.ts";

describe("decide: where tokens stand", () => {
  it("AP-7: authorization with Bearer, x-goog-iap-jwt-assertion without, query access_token", () => {
    const path = `/echo.EchoServer/SayHello?access_token=${mint()}`;
    assert.equal(decided(makeHead([["x-goog-iap-jwt-assertion", mint()]])).kind, "forward");
    assert.equal(decided(makeHead([], { path })).kind, "forward");
  });
  it("AP-8: configured locations replace them", () => {
    const locations = [{ kind: "header", name: "x-token", valuePrefix: "T-" }] as const;
    const own = makeModel(jwtRoute([{ ...requirement, provider: { ...provider, locations } }]));
    assert.equal(decided(makeHead([["x-token", `T-${mint()}`]]), own).kind, "forward");
    assertDecidedAgainst(decided(makeHead([bearer()]), own), 401, 16, "Jwt is missing");
  });
  // AP-9, and the games that are played with it
  const good = mint();
  const badForm = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
  for (const [what, value, message] of [
    ["Bearer in lower case", `bearer ${good}`, "Jwt is missing"],
    ["BEARER in upper case", `BEARER ${good}`, "Jwt is missing"],
    ["no prefix", good, "Jwt is missing"],
    ["no space", `Bearer${good}`, "Jwt is missing"],
    ["a tab for the space", `Bearer\t${good}`, "Jwt is missing"],
    ["Basic", "Basic YWxhZGRpbjpvcGVuc2VzYW1l", "Jwt is missing"],
    ["nothing behind the prefix", "Bearer ", badForm],
    [
      "junk behind the token",
      `Bearer ${good} junk`,
      "Jwt signature is an invalid Base64url encoded",
    ],
    [
      "a second scheme behind it",
      `Bearer ${good}, Basic x`,
      "Jwt signature is an invalid Base64url encoded",
    ],
    ["two tokens in one value", `Bearer ${good}, Bearer ${good}`, badForm],
    ["the prefix twice", `Bearer Bearer ${good}`, "Jwt header is an invalid Base64url encoded"],
    ["an access token", "Bearer ya29.a0AfH6SM", badForm],
  ] as const)
    it(`AP-9: ${what}: ${message}`, () => {
      assertDecidedAgainst(decided(makeHead([["authorization", value]])), 401, 16, message);
    });
  for (const [what, value] of [
    ["two spaces", `Bearer  ${good}`],
    ["characters no token has, before it", `Bearer "<${good}`],
    ["text before the prefix", `x Bearer ${good}`],
  ] as const)
    it(`AP-9: ${what}: passes`, () => {
      assert.equal(decided(makeHead([["authorization", value]])).kind, "forward");
    });
  it("says so where an access token was sent instead of an ID token", () => {
    const decision = decided(makeHead([["authorization", "Bearer ya29.a0AfH6SM"]]));
    assert.match(refusalOf(decision).detail, /an OAuth access token/);
    assert.match(refusalOf(decision).fix, /instead of an access token/);
  });
  it("says so where Cloud Run removed the signature", () => {
    const [header, payload] = good.split(".");
    const value = `Bearer ${header}.${payload}.SIGNATURE_REMOVED_BY_GOOGLE`;
    const decision = decided(makeHead([["authorization", value]]));
    assertDecidedAgainst(decision, 401, 16, "Jwt verification fails");
    assert.match(refusalOf(decision).fix, /Cloud Run removed the signature/);
  });
  it("AP-10: attack, several authorization headers: every token must verify, whatever the order", () => {
    const bad = bearer({ aud: "https://wrong" });
    for (const fields of [
      [bearer(), bad],
      [bad, bearer()],
      [bearer(), bad, bearer()],
    ])
      assertDecidedAgainst(decided(makeHead(fields)), 403, 7, "Audiences in Jwt are not allowed");
    assert.equal(decided(makeHead([bearer(), bearer({ sub: "2" })])).kind, "forward");
  });
  it("AP-10: attack, a good token beside a bad one at another location: refused", () => {
    const unsigned = `${part({ alg: "none" })}.${part(goodClaims)}.x`;
    const text = "Jwt header [alg] is not supported";
    const path = `/echo.EchoServer/SayHello?access_token=${unsigned}`;
    assertDecidedAgainst(
      decided(makeHead([bearer(), ["x-goog-iap-jwt-assertion", unsigned]])),
      401,
      16,
      text,
    );
    assertDecidedAgainst(decided(makeHead([bearer()], { path })), 401, 16, text);
    // Without the prefix a header holds no token: Envoy does not look at it either.
    assert.equal(decided(makeHead([bearer(), ["authorization", unsigned]])).kind, "forward");
  });
  it("AP-10: of two bad tokens the last is told, as Envoy does", () => {
    const fields = [bearer({ aud: "x" }), bearer({ exp: 1 })];
    assert.equal(refusalOf(decided(makeHead(fields))).message, "Jwt is expired");
    assert.equal(
      refusalOf(decided(makeHead(fields.toReversed()))).message,
      "Audiences in Jwt are not allowed",
    );
  });
  it("of two good tokens the payload of the first location goes on", () => {
    const iap = ["x-goog-iap-jwt-assertion", mint({ sub: "iap" })] as const;
    const decision = decided(makeHead([iap, bearer({ sub: "bearer" })]));
    assert.ok(decision.kind === "forward");
    assert.equal(decision.claims?.sub, "bearer");
  });
});

describe("decide: tokens and keys in a query", () => {
  it("show nowhere in a refusal", () => {
    for (const [name, value] of [
      ["access_token", mint({ aud: "x" })],
      ["key", "secret-key"],
      ["api_key", "secret-key"],
    ] as const)
      for (const path of ["/echo.EchoServer/SayHello", "/echo.EchoServer/Nothing"]) {
        const decision = decided(makeHead([], { path: `${path}?a=b&${name}=${value}` }));
        const text = JSON.stringify([refusalOf(decision), decision.steps]);
        assert.ok(!text.includes(value.slice(0, 10)), text);
      }
  });
});

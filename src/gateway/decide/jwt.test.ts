import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  goodClaims,
  makeHead,
  makeModel,
  makeRoute,
  nowS,
  provider,
} from "../../../test/made-call.ts";
import {
  assertDecidedAgainst,
  bearer,
  decided,
  mint,
  refusalOf,
  walkthrough,
} from "../../../test/made-decision.ts";
import { TokenMaker } from "../../../test/token-maker.ts";
import type { KeySource } from "./key-source.ts";

describe("decide: tokens", () => {
  it("passes a good token, with the payload as received (HD-1) and its claims", () => {
    const token = mint();
    const decision = decided(makeHead([["authorization", `Bearer ${token}`]]));
    assert.equal(decision.kind, "forward");
    assert.ok(decision.kind === "forward");
    assert.equal(decision.userInfo, token.split(".")[1]);
    assert.partialDeepStrictEqual(decision.claims, {
      email: goodClaims.email,
      emailVerified: true,
    });
  });
  it("AR-1: a route without requirements looks at no token", () => {
    const open = makeModel(makeRoute({ auth: { kind: "open", at: undefined } }));
    for (const head of [makeHead(), makeHead([["authorization", "Bearer junk"]])])
      assert.partialDeepStrictEqual(decided(head, open), {
        kind: "forward",
        userInfo: undefined,
        claims: undefined,
      });
  });
  it("Jwt is missing: no token in any location, 401, UNAUTHENTICATED, and no error in www-authenticate (JV-6)", () => {
    const decision = decided(makeHead());
    assertDecidedAgainst(decision, 401, 16, "Jwt is missing");
    assert.equal(
      refusalOf(decision).wwwAuthenticate,
      'Bearer realm="https://localhost:8443/echo.EchoServer/SayHello"',
    );
  });
  // The table of section 6, as a whole call sees it.
  for (const [message, reason, claims, header] of [
    ["Jwt issuer is not configured", "ISSUER_NOT_CONFIGURED", { iss: "accounts.google.com" }, {}],
    [
      "Jwt issuer is not configured",
      "ISSUER_NOT_CONFIGURED",
      { iss: "https://accounts.google.com/" },
      {},
    ],
    ["Jwt issuer is not configured", "ISSUER_NOT_CONFIGURED", { iss: undefined }, {}],
    ["Jwt is expired", "TOKEN_EXPIRED", { exp: nowS - 61 }, {}],
    ["Jwt not yet valid", "TOKEN_NOT_YET_VALID", { nbf: nowS + 61 }, {}],
    ["Jwt header [alg] is not supported", "ALGORITHM_NOT_SUPPORTED", {}, { alg: "none" }],
    ["Jwt header [kid] field is not a string", "TOKEN_MALFORMED", {}, { kid: 7 }],
    ["Jwt payload [exp] field is not an integer", "TOKEN_MALFORMED", { exp: "1" }, {}],
    ["Jwks doesn't have key to match kid or alg from Jwt", "KEY_NOT_FOUND", {}, { kid: "key-2" }],
    ["Jwks doesn't have key to match kid or alg from Jwt", "KEY_NOT_FOUND", {}, { alg: "RS512" }],
  ] as const)
    it(`JV-5: ${message}: 401, UNAUTHENTICATED (${JSON.stringify({ ...claims, ...header })})`, () => {
      const decision = decided(makeHead([bearer(claims, header)]));
      assertDecidedAgainst(decision, 401, 16, message);
      assert.equal(refusalOf(decision).reason, reason);
      assert.match(refusalOf(decision).wwwAuthenticate ?? "", /", error="invalid_token"$/);
    });
  it("AP-1: the issuer is compared exactly: no scheme, slash or case is forgiven", () => {
    for (const iss of [
      "accounts.google.com",
      "http://accounts.google.com",
      "https://accounts.google.com/",
      "https://Accounts.google.com",
    ])
      assert.equal(refusalOf(decided(makeHead([bearer({ iss })]))).reason, "ISSUER_NOT_CONFIGURED");
  });
  it("JV-5: Audiences in Jwt are not allowed: 403, PERMISSION_DENIED", () => {
    for (const aud of ["https://wrong", [], ["a", "b"], undefined])
      assertDecidedAgainst(
        decided(makeHead([bearer({ aud })])),
        403,
        7,
        "Audiences in Jwt are not allowed",
      );
  });
  it("AP-2, AP-3: one accepted audience among several is enough, and one trailing slash plays no part", () => {
    for (const aud of [["x", "grpcs://grpc-gateway-1"], "grpcs://grpc-gateway-1/"])
      assert.equal(decided(makeHead([bearer({ aud })])).kind, "forward");
  });
  it("JV-2: 60 s of leeway both ways; no exp and no nbf: no check; iat is not compared", () => {
    const passing = [
      { exp: nowS - 60 },
      { nbf: nowS + 60 },
      { exp: undefined },
      { iat: nowS + 9999 },
    ];
    for (const claims of passing) assert.equal(decided(makeHead([bearer(claims)])).kind, "forward");
    assertDecidedAgainst(decided(makeHead([bearer({ exp: 0 })])), 401, 16, "Jwt is expired");
  });
  it("JV-1: issuer before time before audience before signature", () => {
    const faults = [{ iss: "https://x" }, { exp: nowS - 999 }, { aud: "x" }];
    const told = [
      "Jwt issuer is not configured",
      "Jwt is expired",
      "Audiences in Jwt are not allowed",
    ];
    const strange = new TokenMaker("key-1");
    for (const [first, message] of told.entries()) {
      const claims = Object.assign({ ...goodClaims }, ...faults.slice(first));
      const head = makeHead([["authorization", `Bearer ${strange.mint(claims)}`]]);
      assert.equal(refusalOf(decided(head)).message, message);
    }
    const head = makeHead([["authorization", `Bearer ${strange.mint(goodClaims)}`]]);
    assertDecidedAgainst(decided(head), 401, 16, "Jwt verification fails");
  });
  it("JK-3: keys that are not here yet are asked for, once the claims have passed", () => {
    const none: KeySource = { keysOf: () => undefined };
    assert.partialDeepStrictEqual(decided(makeHead([bearer()]), walkthrough, none), {
      kind: "keys-needed",
      provider,
    });
    assertDecidedAgainst(
      decided(makeHead([bearer({ exp: 1 })]), walkthrough, none),
      401,
      16,
      "Jwt is expired",
    );
  });
  it("keys that cannot be had: in the key source's words, 401", () => {
    const fault = "Jwks remote fetch is failed";
    const down: KeySource = { keysOf: () => ({ fault }) };
    const decision = decided(makeHead([bearer()]), walkthrough, down);
    assertDecidedAgainst(decision, 401, 16, fault);
    assert.equal(refusalOf(decision).reason, "KEYS_NOT_AVAILABLE");
  });
  it("JV-6: the realm is the URI, its path cut at 256 bytes, and nothing in it ends it early", () => {
    const path = `/echo.EchoServer/SayHello?"x=${"y".repeat(400)}`;
    const { wwwAuthenticate } = refusalOf(decided(makeHead([], { path })));
    const realm = `https://localhost:8443${path.slice(0, 256).replace('"', "%22")}`;
    assert.equal(wwwAuthenticate, `Bearer realm="${realm}"`);
  });
});

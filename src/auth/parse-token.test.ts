import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { goodClaims, part } from "../../test/made-call.ts";
import { maxTokenBytes, parseToken } from "./parse-token.ts";

const header = { alg: "RS256", kid: "key-1", typ: "JWT" };
const signature = Buffer.alloc(256, 7).toString("base64url");
const token = (head: unknown = header, payload: unknown = goodClaims, end = signature): string =>
  `${part(head)}.${part(payload)}.${end}`;

function faultOf(value: string): string | undefined {
  const parsed = parseToken(value);
  return "fault" in parsed ? parsed.fault : undefined;
}

describe("parseToken", () => {
  it("takes a token apart", () => {
    const parsed = parseToken(token());
    assert.ok(!("fault" in parsed));
    assert.deepEqual(parsed.header, { alg: "RS256", kid: "key-1" });
    assert.deepEqual(parsed.claims, {
      iss: goodClaims.iss,
      sub: "1234",
      aud: ["grpcs://grpc-gateway-1"],
      exp: goodClaims.exp,
      nbf: undefined,
      iat: goodClaims.iat,
      email: goodClaims.email,
      emailVerified: true,
    });
    assert.equal(parsed.payloadSegment, part(goodClaims));
    assert.equal(parsed.signingInput, `${part(header)}.${part(goodClaims)}`);
    assert.deepEqual(Buffer.from(parsed.signature), Buffer.alloc(256, 7));
  });
  it("reads a token without any claim: what is missing is for the rules to miss", () => {
    const parsed = parseToken(token({ alg: "ES256" }, {}));
    assert.ok(!("fault" in parsed));
    assert.deepEqual(parsed.claims.aud, []);
    assert.equal(parsed.claims.iss, "");
    assert.equal(parsed.claims.exp, undefined);
    assert.equal(parsed.header.kid, undefined);
  });
  it("takes an empty kid for none, as Envoy does", () => {
    const parsed = parseToken(token({ alg: "RS256", kid: "" }));
    assert.ok(!("fault" in parsed));
    assert.equal(parsed.header.kid, undefined);
  });
  it("counts an email as verified for true only", () => {
    for (const email_verified of ["true", 1, {}, null, false]) {
      const parsed = parseToken(token(header, { ...goodClaims, email_verified }));
      assert.ok(!("fault" in parsed));
      assert.equal(parsed.claims.emailVerified, false);
    }
  });

  const badForm = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
  const badSignature = "Jwt signature is an invalid Base64url encoded";
  const [a = "", b = "", c = ""] = token().split(".");
  const ofClaims = (claims: object) => token(header, { ...goodClaims, ...claims });
  const ofExp = (exp: string) =>
    token(header, `{"iss":"https://accounts.google.com","exp":${exp}}`);
  // Section 6 of the gateway's semantics, row by row, then what an attacker makes of it.
  for (const [fault, what, value] of [
    [badForm, "nothing", ""],
    [badForm, "one part", "abc"],
    [badForm, "two parts", `${a}.${b}`],
    [badForm, "four parts", `${a}.${b}.${c}.${c}`],
    [badForm, "an empty header", `.${b}.${c}`],
    [badForm, "an empty payload", `${a}..${c}`],
    [badForm, "an empty signature", `${a}.${b}.`],
    [badForm, "three parts beside an empty one", `${a}..${b}.${c}`],
    [badForm, "a dot in front", `.${a}.${b}.${c}`],
    [badForm, "a dot behind", `${a}.${b}.${c}.`],
    [badForm, "an encrypted token (JWE, five parts)", `${a}.${b}.${c}.${c}.${c}`],
    [badForm, "more than a header list can carry", `${a}.${b}.${"A".repeat(maxTokenBytes)}`],
    ["Jwt header is an invalid Base64url encoded", "a header in plain base64", `+${a}.${b}.${c}`],
    [
      "Jwt header is an invalid Base64url encoded",
      "a padded header",
      `${part('{"alg":1}')}==.${b}.${c}`,
    ],
    [
      "Jwt header is an invalid Base64url encoded",
      "a header of a length that nothing has",
      `AAAAA.${b}.${c}`,
    ],
    ["Jwt header is an invalid JSON", "a header that is no JSON", token("alg=RS256")],
    ["Jwt header is an invalid JSON", "a header that is a list", token([header])],
    ["Jwt header is an invalid JSON", "two algorithms", token('{"alg":"RS256","alg":"none"}')],
    [
      "Jwt header is an invalid JSON",
      "a deeply nested header",
      token(`{"alg":${"[".repeat(9999)}${"]".repeat(9999)}}`),
    ],
    [
      "Jwt header [alg] field is required and must be a string",
      "no algorithm",
      token({ kid: "a" }),
    ],
    [
      "Jwt header [alg] field is required and must be a string",
      "a number for an algorithm",
      token({ alg: 256 }),
    ],
    [
      "Jwt header [alg] field is required and must be a string",
      "a list of algorithms",
      token({ alg: ["RS256"] }),
    ],
    ["Jwt header [alg] is not supported", "alg none", token({ alg: "none" })],
    ["Jwt header [alg] is not supported", "alg None", token({ alg: "None" })],
    ["Jwt header [alg] is not supported", "alg rs256", token({ alg: "rs256" })],
    ["Jwt header [alg] is not supported", "an empty algorithm", token({ alg: "" })],
    [
      "Jwt header [alg] is not supported",
      "an algorithm with a NUL behind it",
      token({ alg: "RS256\u0000" }),
    ],
    ["Jwt header [alg] is not supported", "alg ES256K", token({ alg: "ES256K" })],
    ["Jwt header [alg] is not supported", "a name of a prototype", token({ alg: "constructor" })],
    [
      "Jwt header [kid] field is not a string",
      "a number for a kid",
      token({ alg: "RS256", kid: 1 }),
    ],
    ["Jwt header [kid] field is not a string", "a null kid", token({ alg: "RS256", kid: null })],
    [
      "Jwt header [kid] field is not a string",
      "a kid object",
      token({ alg: "RS256", kid: { $ne: "" } }),
    ],
    [
      "Jwt payload is an invalid Base64url encoded",
      "a padded payload",
      `${a}.${part("{}a")}=.${c}`,
    ],
    ["Jwt payload is an invalid Base64url encoded", "white space in a payload", `${a}.${b} .${c}`],
    ["Jwt payload is an invalid JSON", "a payload that is no JSON", token(header, "{")],
    ["Jwt payload is an invalid JSON", "a payload that is a string", token(header, '"a"')],
    ["Jwt payload is an invalid JSON", "duplicate claims", token(header, '{"aud":"a","aud":"b"}')],
    [
      "Jwt payload is an invalid JSON",
      "duplicate claims, one escaped",
      token(header, '{"aud":"a","\\u0061ud":"b"}'),
    ],
    ["Jwt payload is an invalid JSON", "1e400 for a time", ofExp("1e400")],
    ["Jwt payload [iss] field is not a string", "a number for an issuer", ofClaims({ iss: 1 })],
    [
      "Jwt payload [iss] field is not a string",
      "a list of issuers",
      ofClaims({ iss: [goodClaims.iss] }),
    ],
    ["Jwt payload [sub] field is not a string", "a number for a subject", ofClaims({ sub: 1 })],
    ["Jwt payload [iat] field is not an integer", "a string for iat", ofClaims({ iat: "1" })],
    ["Jwt payload [nbf] field is not an integer", "a string for nbf", ofClaims({ nbf: "1" })],
    ["Jwt payload [exp] field is not an integer", "a string for exp", ofClaims({ exp: "1" })],
    ["Jwt payload [exp] field is not an integer", "a fraction for exp", ofClaims({ exp: 1.5 })],
    ["Jwt payload [exp] field is not an integer", "null for exp", ofClaims({ exp: null })],
    ["Jwt payload [exp] field is not an integer", "true for exp", ofClaims({ exp: true })],
    [
      "Jwt payload [exp] field is not a positive 64 bit integer",
      "a time before the epoch",
      ofClaims({ exp: -1 }),
    ],
    [
      "Jwt payload [exp] field is not a positive 64 bit integer",
      "1e300 for a time",
      ofExp("1e300"),
    ],
    ["Jwt payload [jti] field is not a string", "a number for a jti", ofClaims({ jti: 1 })],
    [
      "Jwt payload [aud] field is not a string or string list",
      "a number for aud",
      ofClaims({ aud: 1 }),
    ],
    [
      "Jwt payload [aud] field is not a string or string list",
      "a list with a number",
      ofClaims({ aud: ["a", 1] }),
    ],
    [
      "Jwt payload [aud] field is not a string or string list",
      "an object for aud",
      ofClaims({ aud: { a: 1 } }),
    ],
    [badSignature, "a signature in plain base64", `${a}.${b}.ab+/`],
    [badSignature, "a padded signature", `${a}.${b}.${c}==`],
    [badSignature, "junk behind the token", `${a}.${b}.${c} junk`],
    [badSignature, "a second token behind a comma", `${a}.${b}.${c},Bearer`],
    [badSignature, "a line break behind the token", `${a}.${b}.${c}\n`],
    [badSignature, "a signature with stray bits", `${a}.${b}.${c.slice(0, -1)}x`],
  ] as const)
    it(`JV-1: refuses ${what}: ${fault}`, () => assert.equal(faultOf(value), fault));

  it("JV-1: names the first fault in Envoy's order: header, algorithm, kid, payload, claims, signature", () => {
    assert.equal(faultOf(`!.!.!`), "Jwt header is an invalid Base64url encoded");
    assert.equal(
      faultOf(`${part({ alg: "none", kid: 1 })}.!.!`),
      "Jwt header [alg] is not supported",
    );
    assert.equal(
      faultOf(`${part({ alg: "RS256", kid: 1 })}.!.!`),
      "Jwt header [kid] field is not a string",
    );
    assert.equal(faultOf(`${a}.!.!`), "Jwt payload is an invalid Base64url encoded");
    const wrong = { iss: 1, sub: 1, iat: "", nbf: "", exp: "", jti: 1, aud: 1 };
    const names = ["iss", "sub", "iat", "nbf", "exp", "jti", "aud"];
    for (const [at, name] of names.entries()) {
      const left = Object.fromEntries(Object.entries(wrong).slice(at));
      assert.match(
        faultOf(token(header, left, "!")) ?? "",
        new RegExp(`^Jwt payload \\[${name}\\]`),
      );
    }
    assert.equal(faultOf(`${a}.${b}.!`), badSignature);
  });
  it("reads a huge kid and a huge claim in one pass, and bounds the token", () => {
    const kid = "../".repeat(6000);
    const parsed = parseToken(
      token({ alg: "RS256", kid }, { ...goodClaims, junk: "x".repeat(20_000) }),
    );
    assert.ok(!("fault" in parsed));
    assert.equal(parsed.header.kid, kid);
    assert.equal(faultOf(token(header, { junk: "x".repeat(maxTokenBytes) })), badForm);
  });
  it("answers with a token or a fault whatever it is given", () => {
    const alphabet = fc.constantFrom(...'abeyJ0.=-_ +/\u0000\u00ff{}[]"');
    const pieces = fc.oneof(
      fc.string(),
      fc.string({ unit: alphabet }),
      fc.constantFrom(a, b, c, "."),
    );
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        const parsed = parseToken(parts.join(""));
        assert.ok(
          "fault" in parsed ? parsed.fault.startsWith("Jwt ") : parsed.signature.length > 0,
        );
      }),
      { numRuns: 500 },
    );
  });
});

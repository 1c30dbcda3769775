import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { type KeySet, type KeySetFault, maxKeySetBytes, maxKeys, parseKeySet } from "./key-set.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
const rsaJwk = rsa.export({ format: "jwk" });
const curves = ["P-256", "P-384", "P-521"] as const;
const ec = curves.map((namedCurve) => generateKeyPairSync("ec", { namedCurve }).publicKey);
const ecJwks = ec.map((key) => key.export({ format: "jwk" }));
const edJwk = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
const octJwk = { kty: "oct", k: Buffer.from("a secret of the tests").toString("base64url") };

/** Self-signed, CN=test, RSA 2048, valid 2026 to 2126. Made with openssl req -x509 -newkey rsa:2048 -nodes. */
const certificatePem = `-----BEGIN CERTIFICATE-----
MIIDATCCAemgAwIBAgIUd6d+q+QP4zMuTQceJdJT7VA054EwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQxNzI5MThaGA8yMTI2MTAzMTE3
MjkxOFowDzENMAsGA1UEAwwEdGVzdDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCC
AQoCggEBAM4WTrgZCzn8nBiSy/TI2dtlrVARqq6ONu8j0ZkDSxoea6R6iuL5+CqB
3MDkJ9lU5ssIz2F1bEtz5cuMmmxz7lJy18wTIgpCqCeDZq+weyMezdF1cmkbWVtU
HV0sJd6QcMKbU+gTmEMt3Rs+9X0mKnE+VypeMrmlSa4l6B46TV7Y5A3x+hvniz6u
GiPfPFVIpcM61+iQ8bA5BHudON9DdZwJw1IJC0KHcW6W9yjHBWyi08tgRcPC2Z6/
Kd0Gs2MvNyw8I05f8HM0IrMPI1jdBl8ew8nMZXfLN95cQXRaPb4P6FFX9r0HAJUt
MuLKi5ZuyekCghHIgf3yur5dxecJGTkCAwEAAaNTMFEwHQYDVR0OBBYEFOn9UXbI
Ux47kSiPzV3uNmTYQUkHMB8GA1UdIwQYMBaAFOn9UXbIUx47kSiPzV3uNmTYQUkH
MA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAH9ggyvoLSkaXrkX
b3/paJJbgFM4zDUyj/LEPEg+CmP3AGm9q7msQ1RgyzyaUbQuTKcPeK2I3y6fms52
YtbD7Tk+q9yC59ijCm0AbAr+6H5mu5prhkOwsq2smAZEi8iSDJUQ2MieX7iNFmeA
c5d/og3lARsRC875g5+8Ybryn7ywV2SnIE+73i4vE1miwCDmMkNblT9ssmDUNBKT
N1iqdczoav7rvCWwdrUTKvL36BGpCSCAnSX3S3QVUeipD+QnWX/9Z4rO7dcagnxt
iUJkHYcWlr911Tmy9Xc9l6pHLJUxjIGLRIM+LGITNf5PUW2Llpo7ZLz+yXkstoMD
ELctEWY=
-----END CERTIFICATE-----
`;

const jwks = (...keys: unknown[]): string => JSON.stringify({ keys });

function keysOf(body: string): KeySet["keys"] {
  const parsed = parseKeySet(body);
  assert.ok(!("fault" in parsed), "fault" in parsed ? parsed.detail : "");
  return parsed.keys;
}

function faultOf(body: string): KeySetFault {
  const parsed = parseKeySet(body);
  assert.ok("fault" in parsed);
  return parsed;
}

describe("parseKeySet", () => {
  it("JV-3: reads RSA, EC (P-256, P-384, P-521), Ed25519 and oct keys of a JWKS", () => {
    const keys = keysOf(jwks({ ...rsaJwk, kid: "r", alg: "RS256" }, ...ecJwks, edJwk, octJwk));
    assert.deepEqual(
      keys.map((key) => (key.kind === "EC" ? key.curve : key.kind)),
      ["RSA", "P-256", "P-384", "P-521", "Ed25519", "secret"],
    );
    assert.partialDeepStrictEqual(keys[0], { kid: "r", alg: "RS256" });
    assert.partialDeepStrictEqual(keys[1], { kid: undefined, alg: undefined });
  });
  it("AP-5: reads Google's kid -> PEM map of certificates, and of public keys", () => {
    const spki = rsa.export({ type: "spki", format: "pem" });
    const keys = keysOf(JSON.stringify({ a: certificatePem, b: spki }));
    assert.deepEqual(
      keys.map(({ kid, kind, alg }) => ({ kid, kind, alg })),
      [
        { kid: "a", kind: "RSA", alg: undefined },
        { kid: "b", kind: "RSA", alg: undefined },
      ],
    );
    assert.ok(keys[0]?.key.equals(new X509Certificate(certificatePem).publicKey));
    assert.ok(keys[1]?.key.equals(rsa));
  });
  it("AP-5: skips a damaged certificate, keeps its fellows", () => {
    const damaged = certificatePem.replace(/M/g, "N");
    assert.deepEqual(
      keysOf(JSON.stringify({ a: damaged, b: certificatePem })).map(({ kid }) => kid),
      ["b"],
    );
  });
  it("never reads a private key, or a public one that says it is symmetric", () => {
    const privateJwk = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
      format: "jwk",
    });
    const [key] = keysOf(jwks(privateJwk));
    assert.equal(key?.key.type, "public");
    assert.match(faultOf(jwks({ ...rsaJwk, kty: "oct" })).fault, /any valid public key/);
  });

  const good = { ...rsaJwk, kid: "good" };
  for (const [what, key] of [
    ["a key of unknown type", { kty: "XYZ", kid: "a" }],
    ["a key without a type", { n: rsaJwk.n, e: rsaJwk.e }],
    ["an encryption key", { ...rsaJwk, use: "enc" }],
    ["an algorithm nobody knows", { ...rsaJwk, alg: "RSA-OAEP" }],
    ["an algorithm that is no string", { ...rsaJwk, alg: ["RS256"] }],
    ["an RSA key for ES256", { ...rsaJwk, alg: "ES256" }],
    ["an RSA key for HS256", { ...rsaJwk, alg: "HS256" }],
    ["an EC key for another curve's algorithm", { ...ecJwks[0], alg: "ES384" }],
    ["an Ed25519 key for ES256", { ...edJwk, alg: "ES256" }],
    ["a secret for RS256", { ...octJwk, alg: "RS256" }],
    ["an empty secret", { ...octJwk, k: "" }],
    ["a secret in plain base64", { ...octJwk, k: "a+/=" }],
    [
      "X25519, which signs nothing",
      { ...generateKeyPairSync("x25519").publicKey.export({ format: "jwk" }) },
    ],
    [
      "secp256k1",
      {
        ...generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey.export({
          format: "jwk",
        }),
      },
    ],
    [
      "an RSA key of 512 bits",
      { ...generateKeyPairSync("rsa", { modulusLength: 512 }).publicKey.export({ format: "jwk" }) },
    ],
    [
      "an RSA key of 16384 bits",
      { kty: "RSA", e: "AQAB", n: Buffer.alloc(2048, 0xff).toString("base64url") },
    ],
    [
      "an RSA key with an exponent that makes checks slow",
      { ...rsaJwk, e: Buffer.alloc(200, 0xff).toString("base64url") },
    ],
    ["an RSA key without a modulus", { kty: "RSA", e: "AQAB" }],
    ["an EC point that is not on its curve", { ...ecJwks[0], x: ecJwks[0]?.y, y: ecJwks[0]?.x }],
    ["a kid that is no string", { ...rsaJwk, kid: 7 }],
    ["null", null],
    ["a list", [rsaJwk]],
    ["a string", "key"],
  ] as const)
    it(`skips ${what}, keeps its fellows`, () => {
      assert.deepEqual(
        keysOf(jwks(key, good)).map(({ kid }) => kid),
        ["good"],
      );
      assert.equal(faultOf(jwks(key)).fault, "Jwks doesn't have any valid public key");
    });

  for (const [what, body] of [
    ["nothing", ""],
    ["HTML", "<html></html>"],
    ["a list", "[]"],
    ["an empty object", "{}"],
    ["keys that are no list", '{"keys":{}}'],
    ["a kid -> something that is no PEM", '{"a":"b"}'],
    ["a PEM map with an empty kid", JSON.stringify({ "": certificatePem })],
    [
      "a private key in PEM",
      JSON.stringify({ a: "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n" }),
    ],
    [
      "one key id twice",
      `{"a":${JSON.stringify(certificatePem)},"a":${JSON.stringify(certificatePem)}}`,
    ],
    ["two lists of keys", `{"keys":[],"keys":[${JSON.stringify(good)}]}`],
    ["deep nesting", `{"keys":[${"[".repeat(100_000)}${"]".repeat(100_000)}]}`],
    ["too many keys", jwks(...Array.from({ length: maxKeys + 1 }, () => octJwk))],
    ["too many bytes", jwks(good, "x".repeat(maxKeySetBytes))],
  ] as const)
    it(`refuses ${what}: Jwks remote fetch is failed`, () => {
      const { fault, detail } = faultOf(body);
      assert.equal(fault, "Jwks remote fetch is failed");
      assert.notEqual(detail, "");
    });
  it("refuses a set without keys: Jwks doesn't have any valid public key", () => {
    assert.equal(faultOf(jwks()).fault, "Jwks doesn't have any valid public key");
  });
  it("keeps a secret as the bytes it stands for", () => {
    const [entry] = keysOf(jwks(octJwk));
    assert.ok(entry);
    const mac = createHmac("sha256", "a secret of the tests").update("x").digest("hex");
    assert.equal(createHmac("sha256", entry.key).update("x").digest("hex"), mac);
  });
});

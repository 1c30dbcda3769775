import assert from "node:assert/strict";
import {
  constants,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  sign,
  type webcrypto,
} from "node:crypto";
import { describe, it } from "node:test";
import { goodClaims, part } from "../../test/made-call.ts";
import { type KeySet, parseKeySet } from "./key-set.ts";
import { type Algorithm, algorithms, type ParsedToken, parseToken } from "./parse-token.ts";
import { verifySignature } from "./verify-signature.ts";

type JsonWebKey = webcrypto.JsonWebKey & { readonly kid?: string };

const noMatch = "Jwks doesn't have key to match kid or alg from Jwt";
const fails = "Jwt verification fails";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const otherRsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });
const ed = generateKeyPairSync("ed25519");
const secret = Buffer.from("a secret that only the tests know");

const jwk = (key: KeyObject, more: object = {}): JsonWebKey => ({
  ...key.export({ format: "jwk" }),
  ...more,
});
const octJwk: JsonWebKey = { kty: "oct", k: secret.toString("base64url") };

function keySet(...keys: readonly JsonWebKey[]): KeySet {
  const parsed = parseKeySet(JSON.stringify({ keys }));
  assert.ok(!("fault" in parsed));
  return parsed;
}

/** Sign as the algorithm says, with any key: what a key set thinks of it is the question. */
function signature(alg: string, key: KeyObject | Buffer, input: string): Buffer {
  const hash = `sha${alg.slice(2)}`;
  if (Buffer.isBuffer(key)) return createHmac(hash, key).update(input).digest();
  if (alg === "EdDSA") return sign(undefined, Buffer.from(input), key);
  if (alg.startsWith("ES"))
    return sign(hash, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  if (alg.startsWith("RS")) return sign(hash, Buffer.from(input), key);
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return sign(hash, Buffer.from(input), {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength,
  });
}

function token(alg: Algorithm, key: KeyObject | Buffer, header: object = {}): ParsedToken {
  const input = `${part({ alg, ...header })}.${part(goodClaims)}`;
  return parsed(`${input}.${signature(alg, key, input).toString("base64url")}`);
}

function parsed(value: string): ParsedToken {
  const result = parseToken(value);
  assert.ok(!("fault" in result));
  return result;
}

function keyFor(alg: Algorithm): readonly [KeyObject | Buffer, JsonWebKey] {
  if (alg.startsWith("HS")) return [secret, octJwk];
  if (alg === "EdDSA") return [ed.privateKey, jwk(ed.publicKey)];
  const pair = { ES256: p256, ES384: p384, ES512: p521 }[String(alg)] ?? rsa;
  return [pair.privateKey, jwk(pair.publicKey)];
}

describe("verifySignature", () => {
  for (const alg of algorithms)
    it(`JV-3: checks ${alg}, with and without alg in the key set, and refuses a changed token`, () => {
      const [privateKey, publicJwk] = keyFor(alg);
      const good = token(alg, privateKey);
      assert.equal(verifySignature(good, keySet(publicJwk)), undefined);
      assert.equal(verifySignature(good, keySet({ ...publicJwk, alg })), undefined);
      const flipped = Buffer.from(good.signature);
      flipped[9] = (flipped[9] ?? 0) ^ 1;
      assert.equal(verifySignature({ ...good, signature: flipped }, keySet(publicJwk)), fails);
      const cut = good.signature.subarray(0, -1);
      assert.equal(verifySignature({ ...good, signature: cut }, keySet(publicJwk)), fails);
      const changed = { ...good, signingInput: good.signingInput.replace(/.$/, "0") };
      assert.equal(verifySignature(changed, keySet(publicJwk)), fails);
    });

  it("JV-4: a kid in the token picks the keys of that kid", () => {
    const keys = keySet(jwk(otherRsa.publicKey, { kid: "a" }), jwk(rsa.publicKey, { kid: "b" }));
    assert.equal(verifySignature(token("RS256", rsa.privateKey, { kid: "b" }), keys), undefined);
    assert.equal(verifySignature(token("RS256", rsa.privateKey, { kid: "a" }), keys), fails);
    assert.equal(verifySignature(token("RS256", rsa.privateKey, { kid: "c" }), keys), noMatch);
  });
  it("JV-4: without a kid all keys whose alg fits are tried", () => {
    const keys = keySet(
      jwk(p256.publicKey),
      jwk(otherRsa.publicKey),
      jwk(rsa.publicKey, { kid: "b" }),
    );
    assert.equal(verifySignature(token("RS256", rsa.privateKey), keys), undefined);
    const others = keySet(
      jwk(rsa.publicKey, { alg: "RS512" }),
      jwk(rsa.publicKey, { alg: "PS256" }),
    );
    assert.equal(verifySignature(token("RS256", rsa.privateKey), others), noMatch);
  });
  it("JV-4: a key's own alg must be the token's", () => {
    const keys = keySet(jwk(rsa.publicKey, { kid: "a", alg: "RS256" }));
    assert.equal(verifySignature(token("RS512", rsa.privateKey, { kid: "a" }), keys), noMatch);
  });

  it("attack, HS256 with a public key as its secret: no spelling of the key verifies", () => {
    const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
    const der = rsa.publicKey.export({ type: "spki", format: "der" });
    const pkcs1 = rsa.publicKey.export({ type: "pkcs1", format: "pem" });
    const json = JSON.stringify(jwk(rsa.publicKey));
    for (const alg of ["HS256", "HS384", "HS512"] as const)
      for (const known of [
        pem,
        String(pem).trim(),
        der,
        pkcs1,
        json,
        jwk(rsa.publicKey).n ?? "",
        "",
      ]) {
        const forged = token(alg, Buffer.from(known));
        assert.equal(verifySignature(forged, keySet(jwk(rsa.publicKey))), fails);
        assert.equal(
          verifySignature(forged, keySet(jwk(rsa.publicKey, { alg: "RS256" }))),
          noMatch,
        );
        assert.equal(
          verifySignature(forged, keySet(jwk(p256.publicKey), jwk(ed.publicKey))),
          fails,
        );
      }
  });
  it("attack, RS256 against a set with a secret: the secret is no RSA key", () => {
    assert.equal(verifySignature(token("RS256", rsa.privateKey), keySet(octJwk)), fails);
  });
  it("attack, an EC signature under an RSA algorithm or another curve's: refused", () => {
    const input = `${part({ alg: "RS256" })}.${part(goodClaims)}`;
    const made = signature("ES256", p256.privateKey, input).toString("base64url");
    assert.equal(verifySignature(parsed(`${input}.${made}`), keySet(jwk(p256.publicKey))), fails);
    assert.equal(
      verifySignature(token("ES256", p384.privateKey), keySet(jwk(p384.publicKey))),
      fails,
    );
  });
  it("attack, an EC signature in DER, or of zeros (CVE-2022-21449): refused", () => {
    const input = `${part({ alg: "ES256" })}.${part(goodClaims)}`;
    const der = sign("sha256", Buffer.from(input), p256.privateKey).toString("base64url");
    const zeros = Buffer.alloc(64).toString("base64url");
    for (const made of [der, zeros])
      assert.equal(verifySignature(parsed(`${input}.${made}`), keySet(jwk(p256.publicKey))), fails);
  });
  it("attack, a PSS signature under RS256 and the reverse: refused", () => {
    const keys = keySet(jwk(rsa.publicKey));
    for (const [says, is] of [
      ["RS256", "PS256"],
      ["PS256", "RS256"],
    ] as const) {
      const input = `${part({ alg: says })}.${part(goodClaims)}`;
      const made = signature(is, rsa.privateKey, input).toString("base64url");
      assert.equal(verifySignature(parsed(`${input}.${made}`), keys), fails);
    }
  });
  it("attack, a right signature under another algorithm's name: refused", () => {
    for (const [says, is, key, published] of [
      ["RS256", "HS256", secret, octJwk],
      ["ES256", "HS256", secret, octJwk],
      ["ES256", "EdDSA", ed.privateKey, jwk(ed.publicKey)],
      ["HS256", "RS256", rsa.privateKey, jwk(rsa.publicKey)],
      ["ES256", "RS256", rsa.privateKey, jwk(rsa.publicKey)],
    ] as const) {
      const input = `${part({ alg: says })}.${part(goodClaims)}`;
      const made = signature(is, key, input).toString("base64url");
      assert.equal(verifySignature(parsed(`${input}.${made}`), keySet(published)), fails);
    }
  });
  it("attack, a key the token brings along (jwk, jku, x5c): not looked at", () => {
    const own = { jwk: jwk(otherRsa.publicKey), jku: "https://evil.test/jwks", x5c: ["AA=="] };
    assert.equal(
      verifySignature(token("RS256", otherRsa.privateKey, own), keySet(jwk(rsa.publicKey))),
      fails,
    );
  });
  it("attack, kids made to be used as paths, queries or names: compared as text, nothing else", () => {
    const keys = keySet(jwk(rsa.publicKey, { kid: "key-1" }), { ...octJwk, kid: "shared" });
    const empty = Buffer.alloc(0);
    for (const kid of [
      "../../../../dev/null",
      "/dev/null",
      "key-1\u0000",
      "KEY-1",
      " key-1",
      "' UNION SELECT 'x",
      "__proto__",
      "constructor",
      "https://evil.test/key",
      "x".repeat(30_000),
    ])
      assert.equal(
        verifySignature(token("HS256", empty, { kid }), keys),
        noMatch,
        kid.slice(0, 40),
      );
  });
  it("attack, the secret's kid with the RSA algorithm and the RSA key's with HS256: refused", () => {
    const keys = keySet(jwk(rsa.publicKey, { kid: "key-1" }), { ...octJwk, kid: "shared" });
    assert.equal(verifySignature(token("RS256", rsa.privateKey, { kid: "shared" }), keys), fails);
    assert.equal(verifySignature(token("HS256", secret, { kid: "key-1" }), keys), fails);
  });
});

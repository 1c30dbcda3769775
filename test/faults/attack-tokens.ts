import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { googleClaims, TokenMaker } from "../token-maker.ts";

export const keys = new TokenMaker();
export const claims = (more: Record<string, unknown> = {}) => ({
  ...googleClaims(Date.now(), "grpcs://grpc-gateway-1"),
  ...more,
});
const part = (json: unknown) =>
  Buffer.from(typeof json === "string" ? json : JSON.stringify(json)).toString("base64url");
export const RS256 = { alg: "RS256", kid: keys.kid, typ: "JWT" };
/** Header and payload as they are, signed by the issuer. */
const signed = (header: unknown, payload: unknown) =>
  keys.signed(`${part(header)}.${part(payload)}`);
export const good = keys.mint(claims());
const [goodHeader = "", goodPayload = "", goodSignature = ""] = good.split(".");

function hmac(alg: string, secret: string | Buffer): string {
  const input = `${part({ alg, kid: keys.kid })}.${part(claims())}`;
  const mac = createHmac(`sha${alg.slice(2)}`, secret)
    .update(input)
    .digest("base64url");
  return `${input}.${mac}`;
}

const spki = keys.publicKey.export({ type: "spki", format: "pem" }) as string;
const jwk = JSON.parse(keys.jwks).keys[0] as { n: string };
export const numbered = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, nth) => [`c${nth}`, nth]));
const attacker = generateKeyPairSync("rsa", { modulusLength: 2048 });
const attackerJwk = attacker.publicKey.export({ format: "jwk" });
export const byAttacker = (header: unknown) => {
  const input = `${part(header)}.${part(claims())}`;
  return `${input}.${sign("sha256", Buffer.from(input), attacker.privateKey).toString("base64url")}`;
};

export const FAILS = "Jwt verification fails";
const NO_KEY = "Jwks doesn't have key to match kid or alg from Jwt";
const BAD_FORM = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
const BAD_HEADER = "Jwt header is an invalid JSON";
const BAD_PAYLOAD = "Jwt payload is an invalid JSON";
const NO_ALG = "Jwt header [alg] is not supported";

/** What an attacker sends as a token, and what the gateway says. */
export const attacks: readonly (readonly [what: string, token: string, says: string])[] = [
  ["alg none, no signature", `${part({ alg: "none" })}.${goodPayload}.`, BAD_FORM],
  ["alg none, a signature", `${part({ alg: "none" })}.${goodPayload}.${goodSignature}`, NO_ALG],
  ["alg NONE", `${part({ alg: "NONE" })}.${goodPayload}.${goodSignature}`, NO_ALG],
  [
    "alg in lower case",
    `${part({ ...RS256, alg: "rs256" })}.${goodPayload}.${goodSignature}`,
    NO_ALG,
  ],
  [
    "no alg",
    `${part({ kid: keys.kid })}.${goodPayload}.${goodSignature}`,
    "Jwt header [alg] field is required and must be a string",
  ],
  [
    "alg as a list",
    `${part({ ...RS256, alg: ["RS256"] })}.${goodPayload}.${goodSignature}`,
    "Jwt header [alg] field is required and must be a string",
  ],
  ["HS256 with the public key as PEM", hmac("HS256", spki), FAILS],
  ["HS256 with the public key as PEM, no line end", hmac("HS256", spki.trim()), FAILS],
  [
    "HS384 with the public key as DER",
    hmac("HS384", keys.publicKey.export({ type: "spki", format: "der" })),
    FAILS,
  ],
  ["HS512 with the modulus", hmac("HS512", Buffer.from(jwk.n, "base64url")), FAILS],
  ["HS256 with nothing", hmac("HS256", ""), FAILS],
  [
    "PS256 under an RS256 signature",
    `${part({ ...RS256, alg: "PS256" })}.${goodPayload}.${goodSignature}`,
    FAILS,
  ],
  [
    "RS512 under an RS256 signature",
    `${part({ ...RS256, alg: "RS512" })}.${goodPayload}.${goodSignature}`,
    FAILS,
  ],
  [
    "ES256 for an RSA key",
    `${part({ ...RS256, alg: "ES256" })}.${goodPayload}.${goodSignature}`,
    FAILS,
  ],
  ["an unknown kid", keys.mint(claims(), { kid: "other" }), NO_KEY],
  ["a kid that is a path", keys.mint(claims(), { kid: "../../../../dev/null" }), NO_KEY],
  ["a kid that is a query", keys.mint(claims(), { kid: "' OR '1'='1" }), NO_KEY],
  ["a kid named __proto__", keys.mint(claims(), { kid: "__proto__" }), NO_KEY],
  ["a kid of 20 KB", keys.mint(claims(), { kid: "k".repeat(20_000) }), NO_KEY],
  [
    "a kid that is a list",
    keys.mint(claims(), { kid: [keys.kid] }),
    "Jwt header [kid] field is not a string",
  ],
  [
    "a kid that is null",
    keys.mint(claims(), { kid: null }),
    "Jwt header [kid] field is not a string",
  ],
  ["another's signature under the issuer's kid", byAttacker(RS256), FAILS],
  ["no kid, another's signature", byAttacker({ alg: "RS256" }), FAILS],
  ["an empty kid, another's signature", byAttacker({ alg: "RS256", kid: "" }), FAILS],
  ["a key in the header (jwk)", byAttacker({ ...RS256, jwk: attackerJwk }), FAILS],
  [
    "a key address in the header (jku, x5u)",
    byAttacker({ ...RS256, jku: "http://127.0.0.1:1/", x5u: "http://127.0.0.1:1/" }),
    FAILS,
  ],
  ["a header that is a list", `${part([RS256])}.${goodPayload}.${goodSignature}`, BAD_HEADER],
  [
    "a header of another alphabet",
    `${goodHeader.slice(0, -1)}+.${goodPayload}.${goodSignature}`,
    "Jwt header is an invalid Base64url encoded",
  ],
  ["alg twice", signed(`{"alg":"RS256","alg":"none","kid":"${keys.kid}"}`, claims()), BAD_HEADER],
  ["aud twice", signed(RS256, `{"aud":"x",${JSON.stringify(claims()).slice(1)}`), BAD_PAYLOAD],
  [
    "exp twice, escaped",
    signed(RS256, `{"\\u0065xp":1,${JSON.stringify(claims()).slice(1)}`),
    BAD_PAYLOAD,
  ],
  [
    "email twice",
    signed(RS256, `{"email":"root@x",${JSON.stringify(claims()).slice(1)}`),
    BAD_PAYLOAD,
  ],
  [
    "a payload nested 5,000 deep",
    signed(RS256, `{"x":${"[".repeat(5000)}${"]".repeat(5000)}}`),
    BAD_PAYLOAD,
  ],
  [
    "a header nested 5,000 deep",
    signed(`{"alg":${"[".repeat(5000)}${"]".repeat(5000)}}`, claims()),
    BAD_HEADER,
  ],
  ["3,000 claims", signed(RS256, claims(numbered(3000))), BAD_PAYLOAD],
  ["JSON with junk behind", signed(RS256, `${JSON.stringify(claims())}{}`), BAD_PAYLOAD],
  ["a byte order mark", signed(RS256, `\ufeff${JSON.stringify(claims())}`), BAD_PAYLOAD],
  [
    "an exp of 1e400",
    signed(RS256, JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e400')),
    BAD_PAYLOAD,
  ],
  [
    "an exp below nothing",
    signed(RS256, claims({ exp: -1 })),
    "Jwt payload [exp] field is not a positive 64 bit integer",
  ],
  [
    "an exp that is true",
    signed(RS256, claims({ exp: true })),
    "Jwt payload [exp] field is not an integer",
  ],
  [
    "an iss in a list",
    signed(RS256, claims({ iss: ["https://accounts.google.com"] })),
    "Jwt payload [iss] field is not a string",
  ],
  [
    "an iss through __proto__",
    signed(
      RS256,
      `{"__proto__":{"iss":"https://accounts.google.com"},"aud":"grpcs://grpc-gateway-1"}`,
    ),
    "Jwt issuer is not configured",
  ],
  [
    "the payload of another token",
    `${goodHeader}.${part(claims({ email: "root@example.com" }))}.${goodSignature}`,
    FAILS,
  ],
  ["a signature cut short", `${goodHeader}.${goodPayload}.${goodSignature.slice(0, -6)}`, FAILS],
  ["a signature of one octet", `${goodHeader}.${goodPayload}.AA`, FAILS],
  ["a signature of zeros", `${goodHeader}.${goodPayload}.${"A".repeat(342)}`, FAILS],
  ["a signature padded", `${good}==`, "Jwt signature is an invalid Base64url encoded"],
  ["Google's removed signature", `${goodHeader}.${goodPayload}.SIGNATURE_REMOVED_BY_GOOGLE`, FAILS],
  ["a fourth part", `${good}.AA`, BAD_FORM],
  ["a dot behind", `${good}.`, BAD_FORM],
  ["two tokens, comma between", `${good},${good}`, BAD_FORM],
  ["junk behind", `${good} junk`, "Jwt signature is an invalid Base64url encoded"],
  ["percent signs", good.replace(".", "%2e"), BAD_FORM],
];

import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** Signs tokens of its own for tests, and publishes the public half in both of Google's forms. */
export class TokenMaker {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;

  constructor(kid = "test-key-1") {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.kid = kid;
    this.publicKey = publicKey;
    this.#privateKey = createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }));
  }

  /** A signed JWT of these claims; `header` and `claims` may be any JSON, also wrong ones. */
  mint(claims: Record<string, unknown>, header: Record<string, unknown> = {}): string {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    return this.signed(
      `${part({ alg: "RS256", kid: this.kid, typ: "JWT", ...header })}.${part(claims)}`,
    );
  }

  signed(input: string): string {
    return `${input}.${sign("sha256", Buffer.from(input), this.#privateKey).toString("base64url")}`;
  }

  /** RFC 7517. */
  get jwks(): string {
    const key = this.publicKey.export({ format: "jwk" });
    return JSON.stringify({ keys: [{ ...key, kid: this.kid, alg: "RS256", use: "sig" }] });
  }

  /** As https://www.googleapis.com/oauth2/v1/certs: kid -> PEM. */
  get pemMap(): string {
    return JSON.stringify({ [this.kid]: this.publicKey.export({ type: "spki", format: "pem" }) });
  }
}

/** Claims as Google's ID tokens carry them, live for an hour from `nowMs`. */
export function googleClaims(
  nowMs: number,
  audience: string,
  email = "ada@example.com",
): Record<string, unknown> {
  const iat = Math.floor(nowMs / 1000);
  return {
    aud: audience,
    azp: "104729",
    email,
    email_verified: true,
    exp: iat + 3600,
    iat,
    iss: "https://accounts.google.com",
    sub: "104729",
  };
}

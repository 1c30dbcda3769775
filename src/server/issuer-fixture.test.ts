import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** An issuer with real keys on a real socket, for the tests of this folder. */

export const nowMs = Date.UTC(2026, 0, 1, 12);
export const gatewayAudience = "grpcs://grpc-gateway-1";
export interface Claims {
  readonly [name: string]: unknown;
}

/** A published key and what it signs; `sign` with another key, algorithm or id for forgeries. */
export interface TestIssuer extends AsyncDisposable {
  readonly jwksUrl: URL;
  readonly publicKeyPem: string;
  token(claims?: Claims, header?: Claims, key?: KeyObject): string;
}

const published = generateKeyPairSync("rsa", { modulusLength: 2048 });
/** A key that no issuer published. */
export const strangersKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

export async function startTestIssuer(): Promise<TestIssuer> {
  const jwk = {
    ...published.publicKey.export({ format: "jwk" }),
    kid: "k1",
    alg: "RS256",
    use: "sig",
  };
  const body = JSON.stringify({ keys: [jwk] });
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json", connection: "close" }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    jwksUrl: new URL(`http://127.0.0.1:${port}/certs`),
    publicKeyPem: published.publicKey.export({ type: "spki", format: "pem" }).toString(),
    token(claims = {}, header = {}, key = published.privateKey) {
      const all = {
        iss: "https://accounts.google.com",
        sub: "1234",
        email: "ada@example.com",
        email_verified: true,
        aud: gatewayAudience,
        iat: nowMs / 1000,
        exp: nowMs / 1000 + 3600,
        ...claims,
      };
      const head = { alg: "RS256", typ: "JWT", kid: "k1", ...header };
      const input = `${base64url(head)}.${base64url(all)}`;
      return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** As Cloud Run hands it to the container. */
export function withoutSignature(token: string): string {
  return `${token.slice(0, token.lastIndexOf("."))}.SIGNATURE_REMOVED_BY_GOOGLE`;
}

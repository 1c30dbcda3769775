import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";

/** One request as an answering server saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query, as on the wire. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface AnsweringServer extends AsyncDisposable {
  readonly url: URL;
  readonly port: number;
  /** In the order they came. */
  readonly requests: readonly SeenRequest[];
}

/** Answer a request; what is returned is the body, 200 unless `response` was given another status. */
export type Answer = (
  request: SeenRequest,
  response: ServerResponse,
) => string | undefined | Promise<string | undefined>;

/** A small HTTP server that plays an issuer, a metadata server, a key server. `undefined` as the body: no answer ever. */
export async function startAnswering(
  answer: Answer,
  tls?: { readonly cert: string; readonly key: string },
): Promise<AnsweringServer> {
  const requests: SeenRequest[] = [];
  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const chunks = await Array.fromAsync(incoming as AsyncIterable<Buffer>);
    const { method = "", url: path = "", headers } = incoming;
    const request = { method, path, headers, body: Buffer.concat(chunks).toString() };
    requests.push(request);
    const body = await answer(request, response);
    if (body !== undefined && !response.destroyed) response.end(body);
  };
  const server = tls === undefined ? createHttp(handle) : createHttps(tls, handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`),
    port,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A root that signs itself, for localhost, 127.0.0.1 and issuer.test, 2020 to 2099. No machine trusts it. */
export const testTls = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBdDCCARqgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlUZXN0IHJv
b3QwIBcNMjAwMTAxMDAwMDAwWhgPMjA5OTEyMzEyMzU5NTlaMBQxEjAQBgNVBAMM
CVRlc3Qgcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABG7Bp8LWiPuwkXdV
7Yw94p4hXoasmflfgDG2KUn35URLCDA9eB+jVBH3dHOc8X5bnNnH5dGWC7N1TKUS
Tky4VYujWzBZMCcGA1UdEQQgMB6CCWxvY2FsaG9zdIILaXNzdWVyLnRlc3SHBH8A
AAEwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQU+3bsKZ+VIL4IgGHeo/obHAsa
X6AwCgYIKoZIzj0EAwIDSAAwRQIhAOWtYxrk0mMJmJnasFiR4TfcMFIH148M8TqN
WafdMOchAiAWpy4X3toCzyoOVJhTzVmlSYZriz5ehsPIllQ1MzF+xA==
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+yCLnv3ei4wuumWN
X3fzeKddzgjXPbOMkM2+/Yn5hTuhRANCAARuwafC1oj7sJF3Ve2MPeKeIV6GrJn5
X4AxtilJ9+VESwgwPXgfo1QR93RznPF+W5zZx+XRlguzdUylEk5MuFWL
-----END PRIVATE KEY-----`,
} as const;

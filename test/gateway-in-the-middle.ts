import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TokenSource } from "../src/auth/token-source.ts";
import { loadGatewayModel } from "../src/config/load-gateway-model.ts";
import type { GatewayOptions, RunningGateway } from "../src/gateway/options.ts";
import { startGateway } from "../src/gateway/serve.ts";
import { type Answer, Backend, RawClient } from "./raw-http2.ts";
import { TokenMaker } from "./token-maker.ts";

/** A key server, Google's certs address for a test. */
export class KeyServer implements AsyncDisposable {
  fetches = 0;
  answer: { status: number; body: string };
  readonly #server: Server;

  constructor(body: string) {
    this.answer = { status: 200, body };
    this.#server = createServer((_request, response) => {
      this.fetches++;
      response.writeHead(this.answer.status, { "content-type": "application/json" });
      response.end(this.answer.body);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/certs`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Refused in gRPC's form (ER-2): one HEADERS frame, status 200, the whole JSON in grpc-message. */
export function assertRefused(
  answer: Answer,
  grpcStatus: number,
  httpStatus: number,
  message: string,
): void {
  assert.equal(answer.headers[":status"], 200);
  assert.equal(answer.headers["content-type"], "application/grpc");
  assert.equal(answer.headersOnly, true, "trailers-only is one HEADERS frame");
  assert.deepEqual(JSON.parse(decodeURIComponent(String(answer.headers["grpc-message"]))), {
    code: httpStatus,
    message,
  });
  assert.equal(answer.headers["grpc-status"], String(grpcStatus));
}

/** The walkthrough's config with a test's addresses filled in. */
export interface MiddleOptions extends Partial<GatewayOptions> {
  /** Config text; $BACKEND is host:port of the backend, $JWKS the key server's URL. Default: the walkthrough's. */
  readonly config?: string;
  readonly image?: Uint8Array;
  readonly tokens?: TokenSource;
  readonly keys?: TokenMaker;
}

/** A backend, a key server, a gateway between, and a client. */
export class Middle implements AsyncDisposable {
  readonly keys: TokenMaker;
  readonly backend: Backend;
  readonly keyServer: KeyServer;
  readonly gateway: RunningGateway;
  readonly client: RawClient;
  /** Where the key server answers. */
  readonly jwks: string;

  private constructor(
    parts: Pick<Middle, "keys" | "backend" | "keyServer" | "gateway" | "client" | "jwks">,
  ) {
    this.keys = parts.keys;
    this.backend = parts.backend;
    this.keyServer = parts.keyServer;
    this.gateway = parts.gateway;
    this.client = parts.client;
    this.jwks = parts.jwks;
  }

  static async start(options: MiddleOptions): Promise<Middle> {
    const keys = options.keys ?? new TokenMaker();
    const backend = new Backend();
    const backendPort = await backend.listen();
    const keyServer = new KeyServer(keys.pemMap);
    const jwks = await keyServer.listen();
    const model = loadModel(
      options.config ?? walkthroughConfig,
      { BACKEND: `127.0.0.1:${backendPort}`, JWKS: jwks },
      options.image,
    );
    const { config: _config, image: _image, tokens, keys: _keys, ...rest } = options;
    const gateway = await startGateway({
      model,
      port: 0,
      nowMs: Date.now,
      backendTokens:
        tokens ??
        (async (audience) => ({
          value: `backend-token-for.${audience}`,
          expiresAtMs: Date.now() + 3_600_000,
        })),
      ...rest,
    });
    return new Middle({
      keys,
      backend,
      keyServer,
      gateway,
      jwks,
      client: new RawClient(gateway.url),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.gateway[Symbol.asyncDispose]();
    await this.backend[Symbol.asyncDispose]();
    await this.keyServer[Symbol.asyncDispose]();
  }
}

export function loadModel(
  text: string,
  values: Record<string, string>,
  image: Uint8Array = readFileSync("gen/descriptor.pb"),
) {
  const { model, problems } = loadGatewayModel({
    file: "api_config.yaml",
    text,
    image,
    imageFile: "descriptor.pb",
    values,
  });
  assert.ok(model !== undefined, JSON.stringify(problems, null, 1));
  return model;
}

/** The walkthrough's config, the backend in cleartext. */
export const walkthroughConfig = readFileSync("gateway/api_config.yaml", "utf8")
  .replace("$MANAGED_SERVICE", "echo.apigateway.test.cloud.goog")
  .replace("grpcs://$ADDRESS", "grpc://$BACKEND")
  .replace("$RUN_URL", "https://run.example.test")
  .replace("https://www.googleapis.com/oauth2/v1/certs", "$JWKS");

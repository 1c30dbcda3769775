import type { OutgoingHttpHeaders } from "node:http2";
import type { GatewayOptions, RunningGateway } from "../../src/gateway/options.ts";
import { startGateway } from "../../src/gateway/serve.ts";
import { loadModel } from "../gateway-in-the-middle.ts";
import { type Answer, Backend, RawClient } from "../raw-http2.ts";
import { googleClaims, type TokenMaker } from "../token-maker.ts";
import { SteadyCalls } from "./steady-calls.ts";

const WELL_ISSUER = "https://well.example.test";

/** SayHello takes the tokens of one issuer, SayHelloStream those of another, which is well. */
const config = `
type: google.api.Service
config_version: 3
name: echo.apigateway.test.cloud.goog
apis: [{ name: echo.EchoServer }]
usage:
  rules: [{ selector: "*", allow_unregistered_calls: true }]
backend:
  rules: [{ selector: "*", address: "grpc://$BACKEND", jwt_audience: "https://run.example.test" }]
authentication:
  providers:
    - { id: faulty, issuer: "https://accounts.google.com", audiences: "$AUDIENCE", jwks_uri: "$FAULTY_KEYS" }
    - { id: well, issuer: "${WELL_ISSUER}", audiences: "$AUDIENCE", jwks_uri: "$WELL_KEYS" }
  rules:
    - { selector: echo.EchoServer.SayHello, requirements: [{ provider_id: faulty }] }
    - { selector: echo.EchoServer.SayHelloStream, requirements: [{ provider_id: well }] }
`;

const AUDIENCE = "grpcs://grpc-gateway-1";
/** Long enough for every clock of these tests. */
const LIFE_S = 30 * 24 * 3600;

/** A token of that maker for the gateway, live for a month. */
export function bearerOf(
  maker: TokenMaker,
  changes: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): string {
  const claims = googleClaims(Date.now(), AUDIENCE);
  const all = { ...claims, exp: Number(claims.iat) + LIFE_S, ...changes };
  return `Bearer ${maker.mint(all, header)}`;
}

export interface TwoIssuersOptions
  extends Pick<GatewayOptions, "engine" | "backendTokens" | "nowMs"> {
  /** Where the keys of SayHello's issuer are. */
  readonly keysUrl: URL;
  /** Where the keys of SayHelloStream's issuer are, and who signs for it. */
  readonly well: { readonly keysUrl: URL; readonly maker: TokenMaker };
}

/** A gateway with two issuers, and a client beside that calls without pause with a token of the one that is well. */
export class TwoIssuers implements AsyncDisposable {
  readonly gateway: RunningGateway;
  readonly backend: Backend;
  readonly client: RawClient;
  readonly beside: SteadyCalls;
  /** What the gateway tells its operator. */
  readonly log: readonly string[];
  readonly #running: AsyncDisposableStack;

  private constructor(
    parts: Pick<TwoIssuers, "gateway" | "backend" | "client" | "beside" | "log">,
    running: AsyncDisposableStack,
  ) {
    this.gateway = parts.gateway;
    this.backend = parts.backend;
    this.client = parts.client;
    this.beside = parts.beside;
    this.log = parts.log;
    this.#running = running;
  }

  static async start({ keysUrl, well, ...options }: TwoIssuersOptions): Promise<TwoIssuers> {
    await using running = new AsyncDisposableStack();
    const backend = running.use(new Backend());
    const model = loadModel(config, {
      BACKEND: `127.0.0.1:${await backend.listen()}`,
      AUDIENCE,
      FAULTY_KEYS: keysUrl.href,
      WELL_KEYS: well.keysUrl.href,
    });
    const log: string[] = [];
    const gateway = running.use(
      await startGateway({
        model,
        port: 0,
        log: (severity, message) => log.push(`${severity} ${message}`),
        ...options,
      }),
    );
    const client = running.use(new RawClient(gateway.url));
    const beside = running.use(
      await SteadyCalls.start(gateway.url, {
        ":path": "/echo.EchoServer/SayHelloStream",
        authorization: bearerOf(well.maker, { iss: WELL_ISSUER }),
      }),
    );
    return new TwoIssuers({ gateway, backend, client, beside, log }, running.move());
  }

  /** SayHello, with that `authorization`. */
  call(authorization: string, more: OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.client.call({ ":path": "/echo.EchoServer/SayHello", authorization, ...more });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#running.disposeAsync();
  }
}

import assert from "node:assert/strict";
import type { GatewayOptions, RunningGateway } from "../../src/gateway/options.ts";
import { startGateway } from "../../src/gateway/serve.ts";
import type { TrafficEvent } from "../../src/rejection/traffic.ts";
import { loadModel } from "../gateway-in-the-middle.ts";
import { type Answer, Backend, RawClient } from "../raw-http2.ts";
import { SteadyCalls } from "./steady-calls.ts";

/** SayHello goes to the service under test, SayHelloStream to one that is well. Nobody needs a token. */
const config = (deadlineS: number) => `
type: google.api.Service
config_version: 3
name: echo.apigateway.test.cloud.goog
apis: [{ name: echo.EchoServer }]
usage:
  rules: [{ selector: "*", allow_unregistered_calls: true }]
backend:
  rules:
    - { selector: echo.EchoServer.SayHello, address: "grpc://127.0.0.1:$FAULTY", disable_auth: true, deadline: ${deadlineS} }
    - { selector: echo.EchoServer.SayHelloStream, address: "grpc://localhost:$WELL", disable_auth: true }
`;

export interface TwoServicesOptions
  extends Pick<GatewayOptions, "engine" | "limits" | "onTraffic" | "drainMs"> {
  /** Of SayHello; default 5. */
  readonly deadlineS?: number;
}

/** A gateway before two services: a faulty one, and one that a client beside calls without pause and must not lose a call of. */
export class TwoServices implements AsyncDisposable {
  readonly gateway: RunningGateway;
  readonly client: RawClient;
  readonly beside: SteadyCalls;
  /** One an RPC to the faulty service that is over. */
  readonly events: readonly TrafficEvent[];
  readonly #running: AsyncDisposableStack;

  private constructor(
    gateway: RunningGateway,
    client: RawClient,
    beside: SteadyCalls,
    events: readonly TrafficEvent[],
    running: AsyncDisposableStack,
  ) {
    this.gateway = gateway;
    this.client = client;
    this.beside = beside;
    this.events = events;
    this.#running = running;
  }

  static async start(
    faultyPort: number,
    { deadlineS = 5, ...options }: TwoServicesOptions = {},
  ): Promise<TwoServices> {
    await using running = new AsyncDisposableStack();
    const well = running.use(new Backend());
    const values = { FAULTY: String(faultyPort), WELL: String(await well.listen()) };
    const events: TrafficEvent[] = [];
    const gateway = running.use(
      await startGateway({
        model: loadModel(config(deadlineS), values),
        resolve: new Map([[`localhost:${values.WELL}`, "127.0.0.1"]]),
        port: 0,
        nowMs: Date.now,
        onTraffic: (event) => {
          if (event.path === path) events.push(event);
        },
        ...options,
      }),
    );
    const client = running.use(new RawClient(gateway.url));
    const headers = { ":path": "/echo.EchoServer/SayHelloStream" };
    const beside = running.use(await SteadyCalls.start(gateway.url, headers));
    return new TwoServices(gateway, client, beside, events, running.move());
  }

  /** One RPC to the faulty service. */
  call(body?: Buffer): Promise<Answer> {
    return this.client.call({ ":path": path }, body);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#running.disposeAsync();
  }
}

const path = "/echo.EchoServer/SayHello";

/** Section 17: the service failed before its answer; status 14 in a trailers-only 200, in Envoy's words. */
export function assertUnavailable(answer: Answer, words: RegExp): void {
  assert.equal(answer.resetCode, 0);
  assert.equal(answer.headersOnly, true, "one HEADERS frame");
  assert.equal(answer.headers["grpc-status"], "14");
  const said = JSON.parse(decodeURIComponent(String(answer.headers["grpc-message"])));
  assert.match(said.message, words);
}

export function assertAnswered(answer: Answer): void {
  assert.equal(answer.resetCode, 0);
  assert.equal(answer.trailers["grpc-status"] ?? answer.headers["grpc-status"], "0");
}

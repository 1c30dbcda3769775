import type { RunningGateway } from "../../../src/gateway/options.ts";
import { startGateway } from "../../../src/gateway/serve.ts";
import type { Engine } from "../../../src/http2/exchange.ts";
import { openModel } from "../open-model.ts";

/** What the suite calls. */
const conformanceService = {
  name: "connectrpc.conformance.v1.ConformanceService",
  methods: {
    Unary: "unary",
    ServerStream: "server_streaming",
    ClientStream: "client_streaming",
    BidiStream: "bidi_streaming",
    Unimplemented: "unary",
    IdempotentUnary: "unary",
  },
} as const;

/** Where the suite's server listens, on this machine; with its certificate when it speaks TLS. */
export interface ServerPlace {
  readonly port: number;
  readonly cert: string | undefined;
}

/** Our gateway, open to all, before one server of the suite: TLS behind it where the server speaks it. */
export function gatewayBefore(
  { port, cert }: ServerPlace,
  engine: Engine,
  tls: { cert: string; key: string } | undefined,
): Promise<RunningGateway> {
  const scheme = cert === undefined ? "grpc" : "grpcs";
  return startGateway({
    model: openModel([conformanceService], `${scheme}://localhost:${port}`),
    port: 0,
    engine,
    // The suite's servers listen on IPv4.
    resolve: new Map([[`localhost:${port}`, `127.0.0.1:${port}`]]),
    nowMs: Date.now,
    drainMs: 1_000,
    log: (severity, message) => console.error(severity, message),
    ...(cert === undefined ? {} : { ca: [cert] }),
    ...(tls === undefined ? {} : { tls }),
  });
}

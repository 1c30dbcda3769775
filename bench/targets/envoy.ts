import { freePort, Running } from "../processes.ts";
import { callerAudience, type Surroundings, writeIn } from "../surroundings.ts";
import type { Target } from "./target.ts";

/** Envoy on one core with one worker: the token checked with its cache on, our own put in its place, the caller's moved. */
export async function startEnvoy(around: Surroundings, tls: boolean): Promise<Target> {
  const { peers, folder, cores } = around;
  const port = await freePort();
  const file = writeIn(folder, `envoy-${port}.json`, JSON.stringify(bootstrap(around, port, tls)));
  const args = ["-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
  const running = new Running("envoy", peers.envoy, args, { core: cores.target });
  try {
    await running.listensOn(port);
  } catch (cause) {
    await running[Symbol.asyncDispose]();
    throw cause;
  }
  return {
    name: "envoy",
    tls,
    port,
    process: running,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** Envoy's Any: the message's type beside its fields. */
const typed = (type: string, fields: object) => ({
  "@type": `type.googleapis.com/envoy.${type}`,
  ...fields,
});
const address = (port: number) => ({
  address: { socket_address: { address: "127.0.0.1", port_value: port } },
});

function bootstrap(around: Surroundings, port: number, tls: boolean): object {
  const manager = typed(
    "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    {
      stat_prefix: "front",
      codec_type: tls ? "AUTO" : "HTTP2",
      route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: routes(around) }] },
      http_filters: [
        { name: "jwt_authn", typed_config: tokenCheck(around) },
        { name: "router", typed_config: typed("extensions.filters.http.router.v3.Router", {}) },
      ],
    },
  );
  const chain = {
    filters: [{ name: "http", typed_config: manager }],
    ...(tls ? { transport_socket: { name: "tls", typed_config: downstreamTls(around) } } : {}),
  };
  return {
    static_resources: {
      listeners: [{ name: "front", ...address(port), filter_chains: [chain] }],
      clusters: [cluster(around)],
    },
  };
}

function routes({ backendToken }: Surroundings): object[] {
  const set = (key: string, value: string) => ({
    header: { key, value },
    append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
  });
  const headers = [
    set("x-forwarded-authorization", "%REQ(authorization)%"),
    set("authorization", `Bearer ${backendToken}`),
  ];
  const route = (method: string, timeout: string) => ({
    match: { path: `/echo.EchoServer/${method}` },
    route: { cluster: "service", timeout },
    request_headers_to_add: headers,
  });
  return [route("SayHello", "15s"), route("SayHelloStream", "0s"), route("SayHelloBidi", "0s")];
}

function tokenCheck({ jwks }: Surroundings): object {
  return typed("extensions.filters.http.jwt_authn.v3.JwtAuthentication", {
    providers: {
      google: {
        issuer: "https://accounts.google.com",
        audiences: [callerAudience],
        local_jwks: { inline_string: jwks },
        forward: true,
        forward_payload_header: "x-apigateway-api-userinfo",
        jwt_cache_config: { jwt_cache_size: 1000 },
      },
    },
    rules: [{ match: { prefix: "/" }, requires: { provider_name: "google" } }],
  });
}

function downstreamTls({ certFile, keyFile }: Surroundings): object {
  const pair = { certificate_chain: { filename: certFile }, private_key: { filename: keyFile } };
  return typed("extensions.transport_sockets.tls.v3.DownstreamTlsContext", {
    common_tls_context: { alpn_protocols: ["h2"], tls_certificates: [pair] },
  });
}

function cluster({ backendPort }: Surroundings): object {
  return {
    name: "service",
    type: "STATIC",
    connect_timeout: "1s",
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "extensions.upstreams.http.v3.HttpProtocolOptions",
        { explicit_http_config: { http2_protocol_options: {} } },
      ),
    },
    circuit_breakers: {
      thresholds: [
        { max_connections: 10_000, max_requests: 100_000, max_pending_requests: 100_000 },
      ],
    },
    load_assignment: {
      cluster_name: "service",
      endpoints: [{ lb_endpoints: [{ endpoint: address(backendPort) }] }],
    },
  };
}

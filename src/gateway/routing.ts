import type { GatewayModel, Route, Upstream } from "../config/model.ts";
import type { UpstreamPool } from "../http2/client.ts";
import type { MakeField } from "../http2/exchange.ts";
import { identityNames, type RouteHead } from "./upstream-head.ts";
import type { Upstreams } from "./upstreams.ts";

/** One route with all that is the same for each of its calls. */
export interface RoutePlan extends RouteHead {
  readonly pool: UpstreamPool;
  /** Audience of the gateway's own token; undefined: none is sent. */
  readonly audience: string | undefined;
  readonly deadlineMs: number | undefined;
  readonly idleMs: number;
}

/** One model, ready to serve. A reload makes another; calls in flight keep theirs. */
export interface Routing {
  readonly model: GatewayModel;
  readonly plans: ReadonlyMap<Route, RoutePlan>;
  readonly audiences: ReadonlySet<string>;
}

export interface RoutingOptions {
  readonly upstreams: Upstreams;
  readonly field: MakeField;
  readonly headerPrefix: string;
  /** `--backend` */
  readonly backend: URL | undefined;
  /** Whether the gateway has an identity of its own. */
  readonly hasIdentity: boolean;
}

export function planRoutes(model: GatewayModel, options: RoutingOptions): Routing {
  const { upstreams, field, headerPrefix, backend, hasIdentity } = options;
  const dropped = new Set([...identityNames(headerPrefix), ...envoyControl, "host"]);
  const isTls = (upstream: Upstream) =>
    backend === undefined ? upstream.tls : /^(grpcs|https):$/.test(backend.protocol);
  const plans = new Map<Route, RoutePlan>();
  for (const route of model.routes.values()) {
    const { upstream } = route;
    plans.set(route, {
      route,
      pool: upstreams.poolFor(upstream),
      scheme: field(":scheme", isTls(upstream) ? "https" : "http", { keep: true }),
      authority:
        backend === undefined ? field(":authority", upstream.authority, { keep: true }) : undefined,
      dropped,
      audience: hasIdentity ? audienceFor(upstream, backend) : undefined,
      deadlineMs: upstream.deadlineMs,
      idleMs: upstream.idleMs,
    });
  }
  const audiences = [...plans.values()].flatMap(({ audience }) => audience ?? []);
  return { model, plans, audiences: new Set(audiences) };
}

/** With `--backend` a token goes only where a rule names `jwt_audience`, and never in cleartext to another machine. */
function audienceFor(upstream: Upstream, backend: URL | undefined): string | undefined {
  if (backend === undefined) return upstream.jwtAudience;
  if (!upstream.isAudienceNamed) return undefined;
  const isPrivate = /^(grpcs|https):$/.test(backend.protocol) || isLoopback(backend.hostname);
  return isPrivate ? upstream.jwtAudience : undefined;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

/** HD-7: what Envoy takes for orders is not the caller's to give. */
const envoyControl = [
  "x-envoy-upstream-rq-timeout-ms",
  "x-envoy-upstream-rq-per-try-timeout-ms",
  "x-envoy-upstream-rq-timeout-alt-response",
  "x-envoy-max-retries",
  "x-envoy-retry-on",
  "x-envoy-retry-grpc-on",
  "x-envoy-retriable-status-codes",
  "x-envoy-retriable-header-names",
  "x-envoy-hedge-on-per-try-timeout",
  "x-envoy-decorator-operation",
  "x-envoy-expected-rq-timeout-ms",
  "x-envoy-force-trace",
  "x-envoy-internal",
  "x-envoy-ip-tags",
  "x-envoy-original-path",
  "x-envoy-downstream-service-cluster",
  "x-envoy-downstream-service-node",
  "x-envoy-is-timeout-retry",
  "x-envoy-attempt-count",
];

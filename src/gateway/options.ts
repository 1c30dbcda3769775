import type { TokenSource } from "../auth/token-source.ts";
import type { GatewayModel } from "../config/model.ts";
import type { ConnectionSource } from "../http2/accepting.ts";
import type { Engine } from "../http2/exchange.ts";
import type { Limits } from "../http2/limits.ts";
import type { TrafficEvent } from "../rejection/traffic.ts";
import type { FetchKeys } from "./fetch-keys.ts";

/** What `startGateway` needs. Everything else about the gateway stands in the model. */
export interface GatewayOptions {
  readonly model: GatewayModel;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 8080; 0 picks a free one. */
  readonly port?: number;
  /** Where connections come from, when another process listens; default: this one does. */
  readonly connections?: ConnectionSource;
  /** PEM. Without it h2c and HTTP/1.1 on one port; with it TLS, ALPN h2 and http/1.1. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /**
   * Mints the gateway's own ID tokens, one per distinct audience of the model; undefined: the gateway sends none and
   * leaves `authorization` as it is (BE-10, HD-4). Fetched before the listener opens, kept fresh in the background (TK-1, TK-4 to TK-6).
   */
  readonly backendTokens?: TokenSource;
  /** Gets the documents that hold the providers' keys; default: from their `jwks_uri`. */
  readonly fetchKeys?: FetchKeys;
  /** PEM roots for upstreams and key servers, besides the system's. */
  readonly ca?: readonly string[];
  /** `host:port` -> `address[:port]` to connect to instead, as curl's --resolve; SNI and :authority stay. */
  readonly resolve?: ReadonlyMap<string, string>;
  /** Send every RPC here instead of to the model's addresses (`--backend`). */
  readonly backend?: URL;
  /** Prefix of the generated headers; default `x-apigateway-`. */
  readonly headerPrefix?: string;
  /** Path of the health check (GET, 200, no token); default none. */
  readonly healthz?: string;
  /** Default: our own HTTP/2. */
  readonly engine?: Engine;
  readonly limits?: Partial<Limits>;
  /** How long calls in flight may take at the end; default 7 000. */
  readonly drainMs?: number;
  /** Aborted before the listener opens: startGateway rejects. */
  readonly signal?: AbortSignal;
  readonly nowMs: () => number;
  /** One event an RPC. Default: none is made. */
  readonly onTraffic?: (event: TrafficEvent) => void;
  /** Keep the decision's steps on events of refused calls. */
  readonly traceRefusals?: boolean;
  /** What an operator should know: token and key fetches that fail, reloads, aborted drains. Never a token. */
  readonly log?: (severity: "INFO" | "WARNING" | "ERROR", message: string) => void;
}

/** A gateway that listens. Disposing drains: stop accepting, GOAWAY, finish calls in flight up to `drainMs`, reset the rest. */
export interface RunningGateway extends AsyncDisposable {
  /** Where it listens, e.g. http://127.0.0.1:8080. */
  readonly url: URL;
  /** Serve new calls by this model; calls in flight keep the old one. Resolves when its tokens and keys are there. */
  reload(model: GatewayModel): Promise<void>;
}

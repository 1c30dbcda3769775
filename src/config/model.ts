import type { Position } from "./problem.ts";

/**
 * `api_config.yaml` + descriptor image, resolved once: plain read-only data. Data plane, explain, deploy and the
 * Envoy compiler read it; nothing else reads the YAML.
 * @see https://github.com/googleapis/googleapis/blob/master/google/api/service.proto
 */
export interface GatewayModel {
  /** `name`: the managed service, e.g. echo-abc.apigateway.project.cloud.goog. */
  readonly serviceName: string;
  /** The config file, as given, for messages. */
  readonly file: string;
  /** By gRPC path, `/pkg.Service/Method`. */
  readonly routes: ReadonlyMap<string, Route>;
  /** By id; only those that a rule names. */
  readonly providers: ReadonlyMap<string, JwtProvider>;
  /** Services in the image that `apis` does not list: what a 404 may be about (IN-3). */
  readonly hiddenServices: readonly string[];
  /** Where `apis` stands, for fixes. */
  readonly apisAt: Position;
}

export type MethodKind = "unary" | "client_streaming" | "server_streaming" | "bidi_streaming";

/** One method of a listed API and every rule that decides about it (the last rule whose selector matches wins, SEL-2). */
export interface Route {
  readonly path: string;
  /** echo.EchoServer.SayHello */
  readonly selector: string;
  readonly kind: MethodKind;
  readonly auth: RoutePolicy;
  readonly apiKey: ApiKeyPolicy;
  readonly upstream: Upstream;
}

/** Whose token a route needs. `open`: no authentication rule matches, or the rule has no requirements (AR-1). */
export type RoutePolicy =
  | { readonly kind: "open"; readonly at: Position | undefined }
  | {
      readonly kind: "jwt";
      readonly at: Position;
      /** Any one suffices (AR-2). */
      readonly requirements: readonly JwtRequirement[];
      /** AR-4: no token at all is fine too. */
      readonly allowMissing: boolean;
    };

export interface JwtRequirement {
  readonly provider: JwtProvider;
  /** Accepted `aud` values: the provider's, or the requirement's own (AR-3); never empty: `https://NAME` by default (AP-4). */
  readonly audiences: readonly string[];
  readonly audiencesAt: Position;
}

export interface JwtProvider {
  readonly id: string;
  readonly issuer: string;
  readonly issuerAt: Position;
  readonly jwksUri: URL;
  readonly jwksUriAt: Position;
  readonly locations: readonly JwtLocation[];
}

/** Where a token may stand (AP-7, AP-8). Header names in lower case. */
export type JwtLocation =
  | { readonly kind: "header"; readonly name: string; readonly valuePrefix: string }
  | { readonly kind: "query"; readonly name: string };

/** Whether a call needs an API key: `usage.rules[].allow_unregistered_calls` (UC-1). */
export interface ApiKeyPolicy {
  readonly required: boolean;
  /** The usage rule, or `usage`/the document where there is none. */
  readonly at: Position;
}

/**
 * Where a route's RPCs go, from `backend.rules`.
 * @see google/api/backend.proto; defaults from ESPv2 routegen/helpers/deadline.go
 */
export interface Upstream {
  /** `host:port`; connections are shared by it (BE-6). */
  readonly key: string;
  /** As written in `address`. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly protocol: "h2" | "http/1.1";
  /** `:authority` sent upstream: the host without the port (BE-5). */
  readonly authority: string;
  /** Audience of the gateway's own ID token; undefined: none is sent, `authorization` stays untouched (BE-9, HD-4). */
  readonly jwtAudience: string | undefined;
  /** Whether the rule names `jwt_audience`, or the audience follows from the address (`--backend` asks). */
  readonly isAudienceNamed: boolean;
  /** Unary: answer within this; 15 000 when the rule has none. undefined: streaming, no response deadline (BE-12). */
  readonly deadlineMs: number | undefined;
  /** How `address`'s own path enters the request's (BE-15, BE-16); absent: it does not (BE-17). */
  readonly pathTranslation?: { readonly kind: "append" | "constant"; readonly path: string };
  /** Longest silence allowed (BE-12, BE-13). */
  readonly idleMs: number;
  readonly at: Position;
}

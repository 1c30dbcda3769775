import type { GatewayModel, JwtProvider, JwtRequirement, Route } from "../src/config/model.ts";
import type { Position } from "../src/config/problem.ts";
import type { Field, Head } from "../src/http2/head.ts";

/** A place in the walkthrough's config. */
export const at = (line: number, column: number): Position => ({
  file: "gateway/api_config.yaml",
  line,
  column,
});

/** The walkthrough's issuer, with Google's own locations (AP-7). */
export const provider: JwtProvider = {
  id: "google_id_token",
  issuer: "https://accounts.google.com",
  issuerAt: at(21, 15),
  jwksUri: new URL("https://www.googleapis.com/oauth2/v1/certs"),
  jwksUriAt: at(23, 17),
  locations: [
    { kind: "header", name: "authorization", valuePrefix: "Bearer " },
    { kind: "header", name: "x-goog-iap-jwt-assertion", valuePrefix: "" },
    { kind: "query", name: "access_token" },
  ],
};

export const requirement: JwtRequirement = {
  provider,
  audiences: ["grpcs://grpc-gateway-1"],
  audiencesAt: at(22, 16),
};

/** echo.EchoServer.SayHello as the walkthrough has it, with changes. */
export function makeRoute(change: Partial<Route> = {}): Route {
  return {
    path: "/echo.EchoServer/SayHello",
    selector: "echo.EchoServer.SayHello",
    kind: "unary",
    auth: { kind: "jwt", at: at(25, 7), requirements: [requirement], allowMissing: false },
    apiKey: { required: false, at: at(10, 7) },
    upstream: {
      key: "localhost:8444",
      address: "grpcs://localhost:8444",
      host: "localhost",
      port: 8444,
      tls: true,
      protocol: "h2",
      authority: "localhost",
      jwtAudience: "https://localhost:8444",
      isAudienceNamed: true,
      deadlineMs: 15_000,
      idleMs: 300_000,
      at: at(15, 7),
    },
    ...change,
  };
}

export function makeModel(...routes: readonly Route[]): GatewayModel {
  const all = routes.length === 0 ? [makeRoute()] : routes;
  return {
    serviceName: "echo-1.apigateway.callpath-local.cloud.goog",
    file: "gateway/api_config.yaml",
    routes: new Map(all.map((route) => [route.path, route])),
    providers: new Map([[provider.id, provider]]),
    hiddenServices: ["grpc.health.v1.Health"],
    apisAt: at(6, 1),
  };
}

export const field = (name: string, value: string): Field => ({ name, value, sensitive: false });

/** The head of a gRPC call; `fields` come behind the usual ones. */
export function makeHead(
  fields: readonly (readonly [string, string])[] = [],
  { method = "POST", path = "/echo.EchoServer/SayHello" } = {},
): Head {
  const usual = [
    [":method", method],
    [":scheme", "https"],
    [":path", path],
    [":authority", "localhost:8443"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ] as const;
  return [...usual, ...fields].map(([name, value]) => field(name, value));
}

/** The moment of these calls: seconds and milliseconds since the epoch. */
export const nowMs = Date.UTC(2026, 0, 1, 12);
export const nowS = nowMs / 1000;

/** What a token of Google's says; the walkthrough's audience, one minute old. */
export const goodClaims = {
  iss: "https://accounts.google.com",
  aud: "grpcs://grpc-gateway-1",
  azp: "1234",
  sub: "1234",
  email: "gateway-client-sa@callpath-local.iam.gserviceaccount.com",
  email_verified: true,
  iat: nowS - 60,
  exp: nowS + 3540,
};

/** JSON as a part of a JWT. A string is taken as it is. */
export const part = (json: unknown): string =>
  Buffer.from(typeof json === "string" ? json : JSON.stringify(json)).toString("base64url");

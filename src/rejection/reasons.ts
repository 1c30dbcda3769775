import { Code } from "@connectrpc/connect";
import type { Hop } from "./hop.ts";

/** What is known about a reason without the call at hand. */
export interface AboutReason {
  readonly hops: readonly Hop[];
  /** gRPC statuses it comes with; []: what the caller's library makes of it. */
  readonly codes: readonly Code[];
  readonly when: string;
  readonly fix: string;
}

const byGateway = { hops: ["gateway"], codes: [Code.Unauthenticated] } as const;

/** Every reason a call can be refused for: stable words, one row each in docs/rejections.md, in the order of the path. */
const about = {
  // the client's side, before anything is sent
  TOKEN_NOT_MINTED: {
    hops: ["client"],
    codes: [Code.Unauthenticated],
    when: "No ID token could be had for the audience: no credentials, credentials that cannot mint one, an issuer that does not answer",
    fix: "Use a service-account key, the metadata server or impersonation: user credentials cannot mint for an audience",
  },
  CONNECTION_FAILED: {
    hops: ["client"],
    codes: [],
    when: "No HTTP/2 connection to the address: nothing listens, the name does not resolve, the certificate is not trusted",
    fix: "Check address and port, TLS or not, --servername and --cacert",
  },
  DEADLINE_EXCEEDED: {
    hops: ["client"],
    codes: [Code.DeadlineExceeded],
    when: "The caller's own deadline passed before the answer",
    fix: "Give the call more time, or find out which hop is slow",
  },
  // the gateway: routing
  METHOD_NOT_FOUND: {
    hops: ["gateway", "server"],
    codes: [Code.Unimplemented],
    when: "No listed API has this method: its service is not under apis, not in the image, or the name is spelled otherwise (case counts)",
    fix: "Add the service under apis: in the gateway's config, with its proto in the image; or correct the method's name",
  },
  HTTP_METHOD_NOT_ALLOWED: {
    hops: ["gateway"],
    codes: [Code.Unknown],
    when: "The path is a method's, the HTTP method is not POST",
    fix: "Send POST, as gRPC does",
  },
  // the gateway: tokens, in the order they are looked at (JV-1)
  TOKEN_MISSING: {
    ...byGateway,
    when: "The method needs an ID token and no place that may hold one does; Bearer is spelled with a capital B and one space",
    fix: 'Send "authorization: Bearer ID_TOKEN" with every call',
  },
  TOKEN_MALFORMED: {
    ...byGateway,
    when: "What was sent is no JWT that can be read: not three parts, not base64url, not JSON, a claim of the wrong type; often an access token",
    fix: "Send an ID token as it was minted, and nothing else",
  },
  ALGORITHM_NOT_SUPPORTED: {
    ...byGateway,
    when: "The token's alg is none, or one that the gateway does not check",
    fix: "Send a token signed with RS256, or another of RS, PS, ES, EdDSA, HS",
  },
  ISSUER_NOT_CONFIGURED: {
    ...byGateway,
    when: "The token's iss is not exactly the issuer of a provider that the method's rule names; so with a JWT a service account signed itself",
    fix: "Send an ID token of a listed issuer, or list its issuer under authentication.providers",
  },
  TOKEN_EXPIRED: {
    ...byGateway,
    when: "More than 60 s have passed since the token's exp",
    fix: "Mint a new token: Google's live one hour; check the clocks",
  },
  TOKEN_NOT_YET_VALID: {
    ...byGateway,
    when: "The token's nbf lies more than 60 s ahead",
    fix: "Set the clock of the machine that minted the token",
  },
  AUDIENCE_MISMATCH: {
    hops: ["gateway"],
    codes: [Code.PermissionDenied],
    when: "None of the token's audiences is one of the provider's; without audiences: only https:// and the API's name is accepted",
    fix: "Mint the token for an audience that the provider lists, or list it under audiences:",
  },
  KEYS_NOT_AVAILABLE: {
    ...byGateway,
    when: "The issuer's keys could not be fetched or read, or none of them can check a signature",
    fix: "Check jwks_uri, and that the gateway reaches it",
  },
  KEY_NOT_FOUND: {
    ...byGateway,
    when: "No key of the issuer has the token's kid and alg",
    fix: "Mint a new token; if that is refused too, jwks_uri is not the one of this issuer",
  },
  SIGNATURE_INVALID: {
    ...byGateway,
    when: "A key fits and the signature does not: the token was changed, cut, made by somebody else, or its signature was removed by Cloud Run",
    fix: "Mint a new token and send it unchanged",
  },
  // the gateway: API keys
  API_KEY_MISSING: {
    ...byGateway,
    when: "The method's usage rule does not allow unregistered calls, and no API key was sent",
    fix: "Set allow_unregistered_calls: true for the method under usage.rules, or send x-api-key",
  },
  API_KEY_INVALID: {
    hops: ["gateway"],
    codes: [Code.Internal],
    when: "The API key that was sent is not known, or expired",
    fix: "Send a valid key, or set allow_unregistered_calls: true for the method under usage.rules",
  },
  // the gateway: upstream
  BACKEND_TOKEN_MISSING: {
    hops: ["gateway"],
    codes: [Code.Unknown],
    when: "The gateway has no ID token of its own for the service yet",
    fix: "Check the gateway's service account, and its log",
  },
  BACKEND_DEADLINE: {
    hops: ["gateway"],
    codes: [Code.Unavailable],
    when: "The service did not answer within the backend rule's deadline (15 s by default)",
    fix: "Set deadline: on the backend rule, or answer faster",
  },
  BACKEND_UNREACHABLE: {
    hops: ["gateway"],
    codes: [Code.Unavailable],
    when: "No connection to the backend rule's address, or it was lost before an answer",
    fix: "See that something serves HTTP/2 at the address of the backend rule",
  },
  STREAM_IDLE: {
    hops: ["gateway"],
    codes: [Code.Unavailable, Code.Unknown],
    when: "Nothing moved on a stream for longer than the backend rule allows (300 s by default)",
    fix: "Set deadline: on the backend rule: on streams it is the longest silence; or send something now and then",
  },
  CALL_RESET: {
    hops: ["client", "gateway", "cloud-run", "server"],
    codes: [],
    when: "The call was cut off without a status",
    fix: "Call again; if it happens every time, look at the logs of the gateway and the service",
  },
  BAD_REQUEST: {
    hops: ["gateway"],
    codes: [Code.Internal],
    when: "The request is not one the gateway reads: a path too long or with a fragment, a header name with an underscore",
    fix: "Send the request without what the message names",
  },
  UNSUPPORTED_PROTOCOL: {
    hops: ["gateway", "server"],
    codes: [Code.Unimplemented],
    when: "The request is not gRPC: gRPC-Web, Connect or JSON where none is answered",
    fix: "Call with a gRPC client; the server answers others where startServer({ protocols }) names them",
  },
  // Cloud Run's front
  RUN_UNAUTHENTICATED: {
    hops: ["cloud-run"],
    codes: [Code.PermissionDenied],
    when: "The service is private and the call carries no token (HTTP 403, HTML)",
    fix: "Send an ID token for the service's URL; behind the gateway: set jwt_audience on the backend rule",
  },
  RUN_TOKEN_INVALID: {
    hops: ["cloud-run"],
    codes: [Code.Unauthenticated],
    when: "The token is expired, not Google's, or its audience is not the service's URL (HTTP 401, HTML)",
    fix: "Mint the token for the service's URL, without path or slash at its end; behind the gateway: jwt_audience",
  },
  RUN_FORBIDDEN: {
    hops: ["cloud-run"],
    codes: [Code.PermissionDenied],
    when: "The token is good, its principal lacks roles/run.invoker (HTTP 403, HTML); a new binding takes minutes to hold",
    fix: "Grant roles/run.invoker on the service to the caller; behind the gateway: to the gateway's service account",
  },
  RUN_NOT_FOUND: {
    hops: ["cloud-run"],
    codes: [Code.Unimplemented],
    when: "No service answers at this host name, or its ingress keeps the call out (HTTP 404, HTML)",
    fix: "Check the address, and the service's ingress",
  },
  RUN_NO_INSTANCE: {
    hops: ["cloud-run"],
    codes: [Code.Unavailable],
    when: "All instances are busy and no more are allowed (HTTP 429)",
    fix: "Raise the maximum of instances or their concurrency, or call less at once",
  },
  RUN_START_FAILED: {
    hops: ["cloud-run"],
    codes: [Code.Unavailable],
    when: "The container does not start, or does not listen on $PORT in time (HTTP 503)",
    fix: "Read its last lines; it must listen on 0.0.0.0:$PORT, without TLS",
  },
  RUN_TIMEOUT: {
    hops: ["cloud-run"],
    codes: [Code.Unavailable],
    when: "The call, of a stream all of it, took longer than the revision's timeout (300 s by default; HTTP 504)",
    fix: "Raise the revision's timeout (at most 3600 s), or answer faster",
  },
  RUN_CONTAINER_ERROR: {
    hops: ["cloud-run"],
    codes: [Code.Unavailable],
    when: "The instance was lost under the call, or speaks another protocol than the port's name says (h2c, HTTP/1)",
    fix: "Read the instance's last lines; name the port h2c where the server speaks gRPC",
  },
  // the server
  PRINCIPAL_UNPROVEN: {
    hops: ["server"],
    codes: [Code.Unauthenticated],
    when: "A token arrived that does not prove who calls: signature, issuer, time or audience",
    fix: "Start the server with the audiences and keys that its tokens have (--gatewayAudience, --targetAudience, --jwks)",
  },
  PRINCIPAL_MISSING: {
    hops: ["server"],
    codes: [Code.Unauthenticated],
    when: "The method is for named callers, and the call names nobody",
    fix: "Send an ID token, or add allUsers under allow: in access.yaml",
  },
  ACCESS_DENIED: {
    hops: ["server"],
    codes: [Code.PermissionDenied],
    when: "The caller is proved, and access.yaml does not allow it the method",
    fix: "Add the caller under allow: in access.yaml (saved = live)",
  },
  SERVER_DRAINING: {
    hops: ["server"],
    codes: [Code.Unavailable],
    when: "The server got SIGTERM and takes no new calls",
    fix: "Call again: another instance answers",
  },
  // an answer of the service itself, or one nobody here can name
  SERVICE_ERROR: {
    hops: ["server"],
    codes: [],
    when: "The service itself answered with an error",
    fix: "Read the message, and the service's log",
  },
  UNKNOWN: {
    hops: ["client", "gateway", "cloud-run", "server"],
    codes: [],
    when: "Nobody here knows whose answer this is",
    fix: "Look at the answer's HTTP status, headers and body: curl -v shows them",
  },
} as const satisfies Readonly<Record<string, AboutReason>>;

export type RejectionReason = keyof typeof about;

export const aboutReasons: Readonly<Record<RejectionReason, AboutReason>> = about;

export const rejectionReasons = Object.keys(about) as readonly RejectionReason[];

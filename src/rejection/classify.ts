import { Code } from "@connectrpc/connect";
import { classifyGatewayText } from "./gateway-texts.ts";
import type { Hop } from "./hop.ts";
import { aboutReasons, type RejectionReason } from "./reasons.ts";
import type { Rejection } from "./rejection.ts";

/** An answer of somebody else's program, as a client shows it. Give what there is. */
export interface ForeignAnswer {
  readonly code: Code;
  /** Connect: `rawMessage`; grpc-js: `details`; grpc-go: the status's message. */
  readonly message: string;
  /** Of the answer, where the client can say. Connect's errors have it in the message: `HTTP 401`. */
  readonly httpStatus?: number | undefined;
  /** Its headers: Connect's `metadata`. */
  readonly headers?: Pick<Headers, "get"> | undefined;
  /** Whether the call carried a token; undefined: not known. */
  readonly sentToken?: boolean | undefined;
  /** Whether a gateway stands between caller and Cloud Run; undefined: not known. */
  readonly throughGateway?: boolean | undefined;
}

/** Whose answer it is and why it came, with what speaks for it; or that nobody here knows. */
export type Classified =
  | { readonly kind: "known"; readonly rejection: Rejection; readonly evidence: readonly string[] }
  | { readonly kind: "unknown"; readonly evidence: readonly string[] };

/**
 * Whose refusal this is: API Gateway's JSON texts, Cloud Run's HTML denials as connect, grpc-js and grpc-go show them,
 * what token libraries and TLS say. From the words alone; a guess is never made where another program may have said them.
 */
export function classify(answer: ForeignAnswer): Classified {
  return (
    gatewayAnswer(answer) ??
    frontAnswer(answer) ??
    otherAnswer(answer) ?? { kind: "unknown", evidence: [shown(answer)] }
  );
}

function shown({ code, message }: ForeignAnswer): string {
  return `status ${code}, "${message.slice(0, 200)}"`;
}

function known(
  answer: ForeignAnswer,
  hop: Hop,
  reason: RejectionReason,
  evidence: readonly string[],
  fix: string = aboutReasons[reason].fix,
): Classified {
  const { code, message } = answer;
  const detail = evidence.join("; ");
  return { kind: "known", rejection: { hop, reason, code, message, detail, fix }, evidence };
}

/** ER-1, ER-2: a JSON object around the text; some clients and older gateways show the text alone. */
function gatewayAnswer(answer: ForeignAnswer): Classified | undefined {
  const json = gatewayJson(answer.message);
  const text = json?.message ?? answer.message;
  const found = classifyGatewayText(text);
  // Without the JSON these are every Envoy's words.
  const isAnybodys = json === undefined && found !== undefined && envoys.has(found.reason);
  if (isAnybodys) return undefined;
  if (found !== undefined) {
    const how =
      json === undefined ? "the text is API Gateway's" : "API Gateway's JSON in grpc-message";
    return known(answer, "gateway", found.reason, [`${how}: "${text}"`], found.fix);
  }
  if (json === undefined) return undefined;
  const evidence = [`JSON as API Gateway writes it, with a text that is not listed: "${text}"`];
  return known(answer, "gateway", "UNKNOWN", evidence);
}

const envoys: ReadonlySet<RejectionReason> = new Set([
  "BACKEND_DEADLINE",
  "BACKEND_UNREACHABLE",
  "STREAM_IDLE",
  "BAD_REQUEST",
]);

/** {"code":401,"message":"Jwt is missing"} */
function gatewayJson(message: string): { readonly message: string } | undefined {
  if (!message.trimStart().startsWith("{")) return undefined;
  try {
    const json: unknown = JSON.parse(message);
    if (typeof json !== "object" || json === null) return undefined;
    if (!("code" in json) || !("message" in json)) return undefined;
    const isOurs = typeof json.code === "number" && typeof json.message === "string";
    return isOurs ? { message: String(json.message) } : undefined;
  } catch {
    return undefined;
  }
}

const httpWords: readonly RegExp[] = [
  /^HTTP (\d{3})$/, // connect
  /^Received HTTP status code (\d{3})$/, // grpc-js
  /HTTP status code (\d{3});/, // grpc-go to 1.3x: Unauthorized: HTTP status code 401; transport: …
  /unexpected HTTP status code received from server: (\d{3})/, // grpc-go since
];

/** A gateway answers gRPC with HTTP 200, always: another HTTP status comes from the front behind it, or before it. */
function frontAnswer(answer: ForeignAnswer): Classified | undefined {
  const { message, headers } = answer;
  const inWords = httpWords
    .map((pattern) => pattern.exec(message)?.[1])
    .find((found) => found !== undefined);
  const status = answer.httpStatus ?? (inWords === undefined ? undefined : Number(inWords));
  if (status === undefined || status === 200) return undefined;
  const server = headers?.get("server") ?? undefined;
  const type = headers?.get("content-type") ?? /content-type "([^"]*)"/.exec(message)?.[1];
  const evidence = [`HTTP ${status} instead of a gRPC answer`];
  if (type !== undefined) evidence.push(`content-type ${type}`);
  if (server !== undefined) evidence.push(`server: ${server}`);
  const isGoogle = server === undefined || /google/i.test(server);
  const reason = isGoogle ? frontReason(answer, status, type, evidence) : undefined;
  return reason === undefined
    ? { kind: "unknown", evidence }
    : known(answer, "cloud-run", reason, evidence);
}

function frontReason(
  { headers, sentToken, throughGateway }: ForeignAnswer,
  status: number,
  type: string | undefined,
  evidence: string[],
): RejectionReason | undefined {
  const isPage = type === undefined || type.startsWith("text/");
  switch (status) {
    case 401:
      if (headers?.get("www-authenticate")?.includes("invalid_token"))
        evidence.push('www-authenticate says error="invalid_token"');
      return isPage ? "RUN_TOKEN_INVALID" : undefined;
    case 403: {
      if (!isPage) return undefined;
      // The two pages are the same: only who sent what tells them apart.
      const isAnonymous = sentToken === false && throughGateway !== true;
      if (isAnonymous) evidence.push("no token was sent");
      else if (sentToken === true || throughGateway === true)
        evidence.push("a token was sent, and a bad one would be 401");
      else evidence.push("the page is the same for a call without a token");
      return isAnonymous ? "RUN_UNAUTHENTICATED" : "RUN_FORBIDDEN";
    }
    case 404:
      return isPage ? "RUN_NOT_FOUND" : undefined;
    case 429:
      return "RUN_NO_INSTANCE";
    case 502:
      return "RUN_CONTAINER_ERROR";
    case 503:
      return "RUN_START_FAILED";
    case 504:
      return "RUN_TIMEOUT";
    default:
      return undefined;
  }
}

type OtherRule = readonly [pattern: RegExp, hop: Hop, reason: RejectionReason, fix?: string];

/** What is said before a call is on its way, or when its connection breaks; and Cloud Run's words where they come through. */
const otherRules: readonly OtherRule[] = [
  [
    /Cannot fetch ID token in this environment/,
    "client",
    "TOKEN_NOT_MINTED",
    "Impersonate a service account, or use its key: these credentials cannot mint for an audience",
  ],
  [
    /idtoken: (credential must be service_account|unsupported credentials type)/,
    "client",
    "TOKEN_NOT_MINTED",
    "Use a service-account key or the metadata server",
  ],
  [
    /invalid_grant/,
    "client",
    "TOKEN_NOT_MINTED",
    "The key or its account was deleted, or the clock is wrong: make a new key",
  ],
  [
    /first record does not look like a TLS handshake|wrong version number/i,
    "client",
    "CONNECTION_FAILED",
    "No TLS is spoken there: connect without it, or to the TLS port",
  ],
  [
    /certificate is (valid for|not valid for)|ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames/i,
    "client",
    "CONNECTION_FAILED",
    "The certificate is for another name: pass the one it has with --servername",
  ],
  [
    /certificate signed by unknown authority|unable to verify the first certificate|self[- ]signed certificate|unable to get local issuer/i,
    "client",
    "CONNECTION_FAILED",
    "The certificate's root is not known here: pass it with --cacert, or set GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, NODE_EXTRA_CA_CERTS, SSL_CERT_FILE",
  ],
  [
    /ECONNREFUSED|connection refused/i,
    "client",
    "CONNECTION_FAILED",
    "Nothing listens there: start it, or correct the address",
  ],
  [
    /ENOTFOUND|EAI_AGAIN|no such host|Name resolution failed/i,
    "client",
    "CONNECTION_FAILED",
    "The host name does not resolve: correct the address; a new gateway's name takes minutes",
  ],
  [
    /transport is closing/,
    "client",
    "CONNECTION_FAILED",
    "Something on the way speaks no HTTP/2, a proxy for one: go around it",
  ],
  [/failed to start and listen on the port/, "cloud-run", "RUN_START_FAILED"],
  [/^The request was not authenticated/, "cloud-run", "RUN_UNAUTHENTICATED"],
  [/^The request was not authorized to invoke this service/, "cloud-run", "RUN_FORBIDDEN"],
  [/no available instance|^Rate exceeded\.?$/, "cloud-run", "RUN_NO_INSTANCE"],
  [
    /^upstream connect error or disconnect\/reset before headers\..*protocol error/,
    "cloud-run",
    "RUN_CONTAINER_ERROR",
    "One side speaks HTTP/1, the other HTTP/2: name the container's port h2c where the server speaks gRPC",
  ],
  [
    /^upstream connect error or disconnect\/reset before headers\./,
    "cloud-run",
    "RUN_CONTAINER_ERROR",
  ],
  [/^upstream request timeout$/, "cloud-run", "RUN_TIMEOUT"],
  [
    /server closed the stream without sending trailers|Received RST_STREAM with code 0\b/,
    "server",
    "CALL_RESET",
    "The server's answer ended without a status: a trailers-only answer must be one HEADERS frame with END_STREAM",
  ],
];

function otherAnswer(answer: ForeignAnswer): Classified | undefined {
  const { message, code } = answer;
  for (const [pattern, hop, reason, fix] of otherRules) {
    const found = pattern.exec(message)?.[0];
    if (found !== undefined) return known(answer, hop, reason, [`"${found}"`], fix);
  }
  if (code === Code.DeadlineExceeded)
    return known(answer, "client", "DEADLINE_EXCEEDED", [
      "DEADLINE_EXCEEDED: neither gateway nor Cloud Run says so, the caller's own deadline does",
    ]);
  return undefined;
}

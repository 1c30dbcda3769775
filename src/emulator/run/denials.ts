import { Code } from "@connectrpc/connect";
import type { MakeField } from "../../http2/exchange.ts";
import type { Head } from "../../http2/head.ts";
import type { Rejection } from "../../rejection/rejection.ts";

/** An answer of Cloud Run's front itself: HTTP, also to gRPC clients, who make a status of the HTTP one. */
export interface Denial extends Rejection {
  readonly httpStatus: number;
  readonly contentType: "text/html; charset=UTF-8" | "text/plain";
  readonly body: string;
  readonly wwwAuthenticate?: string;
}

/** No token: 403, not 401. */
export function unauthenticated(path: string, audience: string): Denial {
  return {
    ...forbiddenPage(path),
    reason: "RUN_UNAUTHENTICATED",
    code: Code.PermissionDenied,
    detail:
      "The request was not authenticated. Either allow unauthenticated invocations or set the proper Authorization header. (no token was sent)",
    fix: `send authorization: Bearer TOKEN, an ID token for ${audience}`,
  };
}

export function tokenInvalid(path: string, detail: string, fix: string): Denial {
  return {
    hop: "cloud-run",
    reason: "RUN_TOKEN_INVALID",
    code: Code.Unauthenticated,
    ...page(
      401,
      "Unauthorized",
      `Your client does not have permission to the requested URL <code>${escapeHtml(path)}</code>.`,
    ),
    wwwAuthenticate:
      'Bearer error="invalid_token" error_description="The access token could not be verified"',
    detail: `The request was not authenticated: the token is not accepted: ${detail}`,
    fix,
  };
}

/** A good token, but no role. */
export function forbidden(path: string, member: string | undefined, service: string): Denial {
  return {
    ...forbiddenPage(path),
    reason: "RUN_FORBIDDEN",
    code: Code.PermissionDenied,
    detail:
      member === undefined
        ? "The request was not authorized to invoke this service. Its token has no verified email, so no role can be found for it"
        : `The request was not authorized to invoke this service. ${member} has no role with run.routes.invoke on ${service}`,
    fix:
      member === undefined
        ? "mint a token with its email (IAM Credentials: includeEmail; metadata server: format=full)"
        : `grant roles/run.invoker to ${member} on ${service}`,
  };
}

/** What the service's ingress keeps out, and what is not there. */
export function notFound(detail: string, fix: string): Denial {
  return {
    hop: "cloud-run",
    reason: "RUN_NOT_FOUND",
    code: Code.Unimplemented,
    ...page(404, "Page not found", "The requested URL was not found on this server."),
    detail,
    fix,
  };
}

export function noInstance(detail: string, fix: string): Denial {
  return {
    hop: "cloud-run",
    reason: "RUN_NO_INSTANCE",
    code: Code.Unavailable,
    ...text(429, "Rate exceeded."),
    detail: `no available instance: ${detail}`,
    fix,
  };
}

export function startFailed(detail: string, fix: string): Denial {
  return {
    hop: "cloud-run",
    reason: "RUN_START_FAILED",
    code: Code.Unavailable,
    ...page(
      503,
      "Server Error",
      "The service you requested is not available yet.",
      "Service Unavailable",
    ),
    detail,
    fix,
  };
}

export function timedOut(timeoutMs: number): Denial {
  return {
    hop: "cloud-run",
    reason: "RUN_TIMEOUT",
    code: Code.Unavailable,
    ...text(504, "upstream request timeout"),
    detail: `the call was not over after ${timeoutMs / 1000} s, the revision's request timeout (of a stream: all of it)`,
    fix: "raise template.timeout (at most 3600 s), or answer faster",
  };
}

export function containerError(resetReason: string, detail: string): Denial {
  return {
    hop: "cloud-run",
    reason: "RUN_CONTAINER_ERROR",
    code: Code.Unavailable,
    ...text(
      503,
      `upstream connect error or disconnect/reset before headers. reset reason: ${resetReason}`,
    ),
    detail,
    fix: "read the instance's last lines; it must serve HTTP/2 without TLS on $PORT and stay up",
  };
}

/** A denial as it leaves: a head, and the body behind it. */
export function writeDenial(
  { httpStatus, contentType, body, wwwAuthenticate }: Denial,
  field: MakeField,
): { readonly head: Head; readonly body: Uint8Array } {
  const bytes = Buffer.from(body);
  const head = [
    field(":status", String(httpStatus)),
    field("content-type", contentType),
    field("content-length", String(bytes.length)),
    field("server", "Google Frontend"),
    ...(wwwAuthenticate === undefined ? [] : [field("www-authenticate", wwwAuthenticate)]),
  ];
  return { head, body: bytes };
}

type Words = Pick<Denial, "httpStatus" | "contentType" | "body" | "message">;

function forbiddenPage(path: string): Words & { readonly hop: "cloud-run" } {
  const words = `Your client does not have permission to get URL <code>${escapeHtml(path)}</code> from this server.`;
  return { hop: "cloud-run", ...page(403, "Forbidden", words) };
}

function text(httpStatus: number, message: string): Words {
  return { httpStatus, contentType: "text/plain", body: message, message };
}

/** The page of Google's front end. */
function page(httpStatus: number, heading: string, words: string, title = heading): Words {
  const body = `
<html><head>
<meta http-equiv="content-type" content="text/html;charset=utf-8">
<title>${httpStatus} ${title}</title>
</head>
<body text=#000000 bgcolor=#ffffff>
<h1>Error: ${heading}</h1>
<h2>${words}</h2>
<h2></h2>
</body></html>
`;
  return {
    httpStatus,
    contentType: "text/html; charset=UTF-8",
    body,
    message: words.replaceAll(/<[^>]*>/g, ""),
  };
}

function escapeHtml(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

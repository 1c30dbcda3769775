import type { IncomingMessage } from "node:http";
import type { Field, Head } from "./head.ts";
import type { Limits } from "./limits.ts";

/** Why a request of HTTP/1.1 gets no exchange: status and message of the answer (ER-1). */
export interface Http1Fault {
  readonly status: number;
  readonly message: string;
}

/** About this connection only (RFC 9110, 7.6.1); `expect` was answered by node:http. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "expect",
  "host",
  "te",
  "trailer",
]);
const BAD_REQUEST: Http1Fault = { status: 400, message: "Bad Request" };
const TOO_LARGE: Http1Fault = { status: 431, message: "Request Header Fields Too Large" };
/** What an authority may not hold: a delimiter of another part of a URL, a space, or a second value. */
const NO_AUTHORITY = /[\s,/?#@\\]/;

/**
 * A request of node:http as the head of an exchange: pseudo-headers from request line and Host, names in lower case,
 * order and duplicates kept, hop-by-hop headers removed (`te: trailers` stays: gRPC backends ask for it).
 */
export function requestHead(
  request: IncomingMessage,
  scheme: "http" | "https",
  limits: Limits,
): Head | Http1Fault {
  const raw = request.rawHeaders;
  if (raw.length / 2 > limits.headerFields) return TOO_LARGE;
  const named = new Set<string>();
  const fields: Field[] = [];
  let host: string | undefined;
  let encodings = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? "").toLowerCase();
    const value = raw[at + 1] ?? "";
    if (limits.rejectUnderscores && name.includes("_")) return BAD_REQUEST;
    if (name === "host") {
      if (host !== undefined || NO_AUTHORITY.test(value)) return BAD_REQUEST;
      host = value;
    } else if (name === "transfer-encoding") {
      // Only what every other reader of this request would take for the same.
      encodings++;
      if (encodings > 1 || value.toLowerCase() !== "chunked") return BAD_REQUEST;
    } else if (name === "connection") {
      for (const option of value.toLowerCase().split(",")) named.add(option.trim());
    } else if (name === "te" && /\btrailers\b/i.test(value)) {
      fields.push({ name, value: "trailers", sensitive: false });
    } else if (!HOP_BY_HOP.has(name)) fields.push({ name, value, sensitive: false });
  }
  const target = splitTarget(request.url ?? "");
  if (target === undefined) return BAD_REQUEST;
  const authority = target.authority ?? host;
  if (authority === undefined && request.httpVersion === "1.1") return BAD_REQUEST;
  const pseudo: Field[] = [
    { name: ":method", value: request.method ?? "GET", sensitive: false },
    { name: ":scheme", value: scheme, sensitive: false },
    { name: ":authority", value: authority ?? "", sensitive: false },
    { name: ":path", value: target.path, sensitive: false },
  ];
  if (named.size === 0) return pseudo.concat(fields);
  // RFC 9110, 7.6.1: what `connection` names goes no further. Only te stays, as above.
  return pseudo.concat(fields.filter(({ name }) => name === "te" || !named.has(name)));
}

/** Trailers of node:http as a head; what may not stand in a trailer is left out (RFC 9110, 6.5.1). */
export function requestTrailers(request: IncomingMessage, limits: Limits): Head | undefined {
  const raw = request.rawTrailers;
  if (raw.length / 2 > limits.headerFields) return undefined;
  const trailers: Field[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? "").toLowerCase();
    if (limits.rejectUnderscores && name.includes("_")) return undefined;
    if (HOP_BY_HOP.has(name) || name === "content-length") continue;
    trailers.push({ name, value: raw[at + 1] ?? "", sensitive: false });
  }
  return trailers;
}

/** Origin form, `*`, or absolute form, whose authority beats Host (RFC 9112, 3.2.2). */
function splitTarget(target: string): { authority?: string; path: string } | undefined {
  if (target.startsWith("/") || target === "*") return { path: target };
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target);
  const [, authority = "", rest = ""] = absolute ?? [];
  if (authority === "" || NO_AUTHORITY.test(authority)) return undefined;
  return { authority, path: rest.startsWith("/") ? rest : `/${rest}` };
}

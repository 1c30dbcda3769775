import type { Route } from "../config/model.ts";
import type { MakeField } from "../http2/exchange.ts";
import type { Field, Head } from "../http2/head.ts";

/**
 * Headers of a caller that never reach the service as they are, in headers or trailers: they would be taken for the
 * gateway's word. Stricter than ESPv2, which leaves them on methods without authentication.
 */
export function identityNames(headerPrefix: string): ReadonlySet<string> {
  const generated = ["api-userinfo", "api-consumer-type", "api-consumer-number"];
  return new Set(
    [headerPrefix, "x-apigateway-"].flatMap((prefix) =>
      generated.map((name) => `${prefix}${name}`),
    ),
  );
}

/** What is the same for every call of a route. */
export interface RouteHead {
  readonly route: Route;
  readonly scheme: Field;
  /** BE-5; undefined: the client's stays (`--backend`). */
  readonly authority: Field | undefined;
  /** Names dropped on the way. */
  readonly dropped: ReadonlySet<string>;
}

/** What the gateway adds for this call. */
export interface CallFields {
  /** `:path` as decided: normalised (RT-8), slash and query as received. */
  readonly path: string;
  /** The gateway's own token: the caller's `authorization` moves (HD-2). undefined: it stays (HD-4). */
  readonly authorization: Field | undefined;
  /** `{prefix}api-userinfo` (HD-1). */
  readonly userInfo: Field | undefined;
  /** The caller's checked `authorization` and the same under its new name, made once a token. */
  readonly moved: MovedToken | undefined;
  readonly trace: Field | undefined;
}

/** A caller's `authorization` field, and the field it becomes (HD-2). */
export interface MovedToken {
  readonly received: Field;
  readonly forwarded: Field;
}

/** The head as it goes to the service: order, duplicates and custom metadata as received (HD-1, HD-2, HD-8). */
export function upstreamHead(head: Head, of: RouteHead, add: CallFields, field: MakeField): Head {
  const { authorization, userInfo, moved, trace } = add;
  const sent: Field[] = [];
  let at = 0;
  let hasAuthority = false;
  for (; at < head.length; at++) {
    const received = head[at];
    if (received === undefined || received.name.charCodeAt(0) !== COLON) break;
    if (received.name === ":authority") {
      hasAuthority = true;
      sent.push(of.authority ?? received);
    } else if (received.name === ":scheme") sent.push(of.scheme);
    else if (received.name === ":path")
      sent.push(received.value === add.path ? received : field(":path", add.path));
    else sent.push(received);
  }
  if (!hasAuthority && of.authority !== undefined) sent.push(of.authority);
  for (; at < head.length; at++) {
    const received = head[at];
    if (received === undefined || of.dropped.has(received.name)) continue;
    if (authorization !== undefined) {
      if (received.name === "x-forwarded-authorization") continue; // the caller's invention
      if (received.name === "authorization") {
        const isKnown = moved !== undefined && moved.received.value === received.value;
        sent.push(isKnown ? moved.forwarded : forwardedField(received, field));
        continue;
      }
    }
    sent.push(received);
  }
  if (authorization !== undefined) sent.push(authorization);
  if (userInfo !== undefined) sent.push(userInfo);
  if (trace !== undefined) sent.push(trace);
  return sent;
}

/** HD-2: the caller's token under its new name. */
export function forwardedField({ value }: Field, field: MakeField): Field {
  return field("x-forwarded-authorization", value, { keep: true });
}

/** Trailers of a caller carry no identity either. */
export function upstreamTrailers(trailers: Head, dropped: ReadonlySet<string>): Head {
  const isIdentity = ({ name }: Field) =>
    dropped.has(name) || name === "authorization" || name === "x-forwarded-authorization";
  return trailers.some(isIdentity) ? trailers.filter((one) => !isIdentity(one)) : trailers;
}

const COLON = 58;

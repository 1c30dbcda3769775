import type { GatewayModel, Route } from "../../config/model.ts";
import { placeOf } from "../../config/problem.ts";
import { firstValue, type Head } from "../../http2/head.ts";
import type { Rejection } from "../../rejection/rejection.ts";
import type { ApiKeyFault } from "./api-key.ts";
import { grpcCodeOfHttp } from "./grpc-code.ts";
import type { JwtFailure } from "./jwt-outcome.ts";
import { queryValue } from "./query.ts";
import type { RouteFound } from "./route.ts";
import { fixFor, seenByFailure, shown, wantedBy } from "./token-words.ts";

/** A refusal of the gateway, as it is written on the wire (ER-1, ER-2). */
export interface GatewayRefusal extends Rejection {
  readonly hop: "gateway";
  readonly httpStatus: number;
  /** JV-6 */
  readonly wwwAuthenticate: string | undefined;
  /** What the rule that refused saw, and what it wants: the two halves of `detail`. */
  readonly seen: string;
  readonly wanted: string;
}

type Words = Pick<Rejection, "reason" | "message" | "fix"> &
  Pick<GatewayRefusal, "httpStatus" | "seen" | "wanted"> & { readonly accepted?: string };

function refusal(subject: string, words: Words, wwwAuthenticate?: string): GatewayRefusal {
  return {
    hop: "gateway",
    code: grpcCodeOfHttp(words.httpStatus),
    detail: `${subject} ${words.seen}; ${words.wanted}`,
    wwwAuthenticate,
    ...words,
  };
}

/** RT-2, RT-3 */
export function routeRefusal(
  model: GatewayModel,
  found: Extract<RouteFound, { readonly kind: "refused" }>,
): GatewayRefusal {
  const { method, route } = found;
  const [path = ""] = found.path.split("?", 1); // a query may hold a token or a key
  const seen = `${shown(method)} ${shown(path)}`;
  if (route !== undefined)
    return refusal("call", {
      reason: "HTTP_METHOD_NOT_ALLOWED",
      httpStatus: 405,
      message: `The current request is matched to the defined url template "${route.path}" but its http method is not allowed`,
      seen,
      wanted: `gRPC calls ${route.path} with POST`,
      fix: `Send POST ${route.path}`,
      accepted: route.path,
    });
  return refusal("call", {
    reason: "METHOD_NOT_FOUND",
    httpStatus: 404,
    message: "The current request is not defined by this API.",
    seen,
    ...whatIsServed(model, path),
  });
}

/** Longer paths are nobody's typing error. */
const maxHintedPath = 256;

/** IN-3: what a 404 may be about: a service that `apis` does not list, a method that its service does not have. */
function whatIsServed(
  { apisAt, hiddenServices, routes }: GatewayModel,
  path: string,
): Pick<Words, "wanted" | "fix" | "accepted"> {
  const apis = placeOf(apisAt);
  const [, service = "", method = ""] = path.length > maxHintedPath ? [] : path.split("/");
  if (hiddenServices.includes(service))
    return {
      wanted: `${apis} does not list ${service}, which the image has`,
      fix: `Add "- name: ${service}" under apis: (${apis})`,
    };
  const served = [...routes.values()];
  const lower = path.toLowerCase();
  const alike = served.find(
    (route) => route.path.length === path.length && route.path.toLowerCase() === lower,
  );
  const sameMethod = served.filter((route) => route.path.endsWith(`/${method}`));
  const near = alike ?? (method !== "" && sameMethod.length === 1 ? sameMethod[0] : undefined);
  if (near !== undefined)
    return { wanted: `${apis} serves ${near.path}`, fix: `Call ${near.path}`, accepted: near.path };
  const methods = served.filter((route) => route.path.startsWith(`/${service}/`));
  const listed = (methods.length > 0 ? methods : served).map((route) => route.path);
  const names = listed.slice(0, 5).join(", ") + (listed.length > 5 ? ", …" : "");
  return {
    wanted: `${apis} serves ${names}`,
    fix:
      methods.length > 0
        ? `Call a method that ${service} has, or add it to the proto and the image`
        : `Call a listed service, or add its name under apis: (${apis}) and its proto to the image`,
    ...(listed.length === 1 && listed[0] !== undefined ? { accepted: listed[0] } : {}),
  };
}

/** JV-5: 401, or 403 for the audience. */
export function jwtRefusal(
  failure: JwtFailure,
  head: Head,
  path: string,
  nowMs: number,
): GatewayRefusal {
  const accepted = failure.requirement.audiences[0];
  const words: Words = {
    reason: failure.reason,
    httpStatus: failure.reason === "AUDIENCE_MISMATCH" ? 403 : 401,
    message: failure.message,
    seen: seenByFailure(failure, nowMs),
    wanted: wantedBy(failure),
    fix: fixFor(failure),
    ...(accepted === undefined ? {} : { accepted }),
  };
  return refusal(failure.rule, words, challenge(failure, head, path));
}

const maxRealmPathBytes = 256;

/**
 * JV-6. A quote in the path would end the realm: it is escaped. A query that holds a token or a key is left out, as the
 * refusal goes to logs too.
 */
function challenge({ reason, requirement }: JwtFailure, head: Head, path: string): string {
  const scheme = firstValue(head, "x-forwarded-proto") ?? firstValue(head, ":scheme") ?? "http";
  const authority = firstValue(head, ":authority") ?? firstValue(head, "host") ?? "";
  const named = requirement.provider.locations.filter(({ kind }) => kind === "query");
  const names = ["key", "api_key", ...named.map(({ name }) => name)];
  const isSecret = names.some((name) => queryValue(path, name) !== undefined);
  const told = (isSecret ? path.slice(0, path.indexOf("?")) : path).slice(0, maxRealmPathBytes);
  const uri = `${scheme}://${authority}${told}`.replaceAll('"', "%22");
  return `Bearer realm="${uri}"${reason === "TOKEN_MISSING" ? "" : ', error="invalid_token"'}`;
}

/** UC-2, UC-9. In gRPC 400 is INTERNAL (ER-3). */
export function apiKeyRefusal({ selector, apiKey }: Route, reason: ApiKeyFault): GatewayRefusal {
  const at = placeOf(apiKey.at);
  const isMissing = reason === "API_KEY_MISSING";
  return refusal("API key", {
    reason,
    httpStatus: isMissing ? 401 : 400,
    message: isMissing
      ? "UNAUTHENTICATED: Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API."
      : "INVALID_ARGUMENT: API key not valid. Please pass a valid API key.",
    seen: isMissing ? "none" : "not known to this gateway",
    wanted: `${at} does not set allow_unregistered_calls for ${selector}`,
    fix: `Set "allow_unregistered_calls: true" for ${selector} under usage.rules (${at})`,
  });
}

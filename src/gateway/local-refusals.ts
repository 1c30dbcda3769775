import { Code } from "@connectrpc/connect";
import type { Rejection } from "../rejection/rejection.ts";
import type { LocalAnswer } from "./answers.ts";

/** A refusal of the gateway that is not decided by the caller's token: what it answers, and why. */
export type LocalRefusal = LocalAnswer & Rejection;

/** TK-6: auth succeeded, but the gateway has no token of its own for the service. */
export function tokenNotFound(audience: string): LocalRefusal {
  return {
    httpStatus: 500,
    grpcStatus: Code.Unknown,
    hop: "gateway",
    reason: "BACKEND_TOKEN_MISSING",
    code: Code.Unknown,
    message: `Token not found for audience: ${audience}`,
    detail: `the gateway could not get an ID token of its own for ${audience}; its log says why`,
    fix: "see the gateway's log; check --identity",
  };
}

/** What API Gateway would transcode or translate, and this gateway does not yet. */
export function notYet(contentType: string | undefined): LocalRefusal {
  const isWeb = contentType?.startsWith("application/grpc-web") === true;
  const what = isWeb ? "gRPC-Web is" : "JSON transcoding is";
  return {
    httpStatus: 501,
    grpcStatus: Code.Unimplemented,
    hop: "gateway",
    reason: "UNSUPPORTED_PROTOCOL",
    code: Code.Unimplemented,
    message: `${what} not available yet: call with gRPC (content-type: application/grpc)`,
    detail: `content-type is ${contentType ?? "missing"}; API Gateway would translate this call`,
    fix: "call with a gRPC client",
  };
}

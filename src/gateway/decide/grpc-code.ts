import { Code } from "@connectrpc/connect";

/** ER-3: the gRPC status of an answer that the gateway makes itself. A deadline is UNAVAILABLE, not DEADLINE_EXCEEDED. */
export function grpcCodeOfHttp(httpStatus: number): Code {
  switch (httpStatus) {
    case 400:
      return Code.Internal;
    case 401:
      return Code.Unauthenticated;
    case 403:
      return Code.PermissionDenied;
    case 404:
      return Code.Unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.Unavailable;
    default:
      return Code.Unknown;
  }
}

import { Code } from "@connectrpc/connect";
import type { Route } from "../config/model.ts";
import { placeOf } from "../config/problem.ts";
import type { RelayFailure } from "../http2/relay.ts";
import type { Rejection } from "../rejection/rejection.ts";
import type { LocalAnswer } from "./answers.ts";

/** How a forwarded call failed before its answer began, in Envoy's words (semantics, section 17), and what to do. */
export function failureAnswer(failure: RelayFailure, route: Route): LocalAnswer & Rejection {
  const { upstream, kind: method } = route;
  const hop = "gateway";
  const where = `${upstream.address} (${placeOf(upstream.at)})`;
  switch (failure.kind) {
    case "deadline":
      return {
        ...gatewayTimeout("upstream request timeout"),
        hop,
        reason: "BACKEND_DEADLINE",
        detail: `${where} did not answer within ${upstream.deadlineMs} ms`,
        fix: `set deadline: (seconds) on the backend rule at ${placeOf(upstream.at)}, or answer faster`,
      };
    case "idle": {
      const answer = failure.requestEnded
        ? gatewayTimeout("stream timeout")
        : {
            httpStatus: 408,
            grpcStatus: Code.Unknown,
            code: Code.Unknown,
            message: "stream timeout",
          };
      return {
        ...answer,
        hop,
        reason: "STREAM_IDLE",
        detail: `nothing moved for ${upstream.idleMs} ms on this ${method} call to ${where}`,
        fix: `set deadline: (seconds) on the backend rule at ${placeOf(upstream.at)}: on streams it is the longest silence`,
      };
    }
    case "overflow":
      return {
        ...unavailable("reset reason: overflow"),
        hop,
        reason: "BACKEND_UNREACHABLE",
        detail: `too many calls wait for a connection to ${where}`,
        fix: "call less at once, or let the service take more streams",
      };
    case "unreachable": {
      const reason = failure.retried ? "retried and the latest reset reason" : "reset reason";
      return {
        ...unavailable(`${reason}: ${failure.detail}`),
        hop,
        reason: "BACKEND_UNREACHABLE",
        detail: `${where}: ${failure.detail}`,
        fix: `see that something serves ${upstream.protocol === "h2" ? "gRPC over HTTP/2" : "HTTP"}${upstream.tls ? " with TLS" : ""} at ${upstream.host}:${upstream.port}`,
      };
    }
  }
}

function gatewayTimeout(message: string) {
  return { httpStatus: 504, grpcStatus: Code.Unavailable, code: Code.Unavailable, message };
}

function unavailable(why: string) {
  const message = `upstream connect error or disconnect/reset before headers. ${why}`;
  return { httpStatus: 503, grpcStatus: Code.Unavailable, code: Code.Unavailable, message };
}

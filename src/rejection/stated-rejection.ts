import type { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../google/gen/google/rpc/error_details_pb.ts";
import { type RejectionReason, rejectionReasons } from "./reasons.ts";
import type { Hop, Rejection } from "./rejection.ts";

/** The refusal that an error of `toConnectError` states, as far as it goes over the wire; undefined for other errors. */
export function statedRejection(error: ConnectError): Rejection | undefined {
  for (const { domain, reason, metadata } of error.findDetails(ErrorInfoSchema)) {
    const { hop, fix = "" } = metadata;
    if (domain === "callpath.dev" && isReason(reason) && isHop(hop))
      return { hop, reason, code: error.code, message: error.rawMessage, detail: "", fix };
  }
  return undefined;
}

function isReason(reason: string): reason is RejectionReason {
  return (rejectionReasons as readonly string[]).includes(reason);
}

function isHop(hop: string | undefined): hop is Hop {
  return hop === "client" || hop === "gateway" || hop === "cloud-run" || hop === "server";
}

import { Code, ConnectError } from "@connectrpc/connect";
import { MintError } from "../../auth/mint-error.ts";
import { brokenCall } from "../../client/broken-call.ts";
import { explainError } from "../../client/explain-error.ts";
import { classify } from "../../rejection/classify.ts";
import { aboutReasons } from "../../rejection/reasons.ts";
import type { Rejection } from "../../rejection/rejection.ts";
import { statedRejection } from "../../rejection/stated-rejection.ts";

/** What this side knows of the call whose failure it explains. */
export interface CallSide {
  readonly sentToken: boolean;
  /** undefined: not known. */
  readonly throughGateway: boolean | undefined;
}

/** What the caller's side makes of a failed call, from the error alone: what our own hops state, then whose words it is. */
export function callRejection(error: Error, side: CallSide): Rejection | undefined {
  if (!(error instanceof ConnectError)) return mintRejection(error);
  if (brokenCall(error) !== undefined || statedRejection(error) !== undefined)
    return explainError(error);
  const classified = classify({
    code: error.code,
    message: error.rawMessage,
    headers: error.metadata,
    ...side,
  });
  if (classified.kind === "known") return classified.rejection;
  // An HTTP answer that nobody knows is nobody's; a gRPC status that no hop gives is the service's own.
  if (/^HTTP \d{3}$/.test(error.rawMessage)) return undefined;
  return {
    hop: "server",
    reason: "SERVICE_ERROR",
    code: error.code,
    message: error.rawMessage,
    detail: "no hop on the way speaks like this: the service's own answer",
    fix: aboutReasons.SERVICE_ERROR.fix,
  };
}

/** Why there was no token. The fix has a line of its own. */
export function mintRejection(error: Error): Rejection {
  const fix = error instanceof MintError ? error.fix : aboutReasons.TOKEN_NOT_MINTED.fix;
  const { message } = error;
  return {
    hop: "client",
    reason: "TOKEN_NOT_MINTED",
    code: Code.Unauthenticated,
    message: message.endsWith(fix) ? message.slice(0, -fix.length).trimEnd() : message,
    detail: "",
    fix,
  };
}

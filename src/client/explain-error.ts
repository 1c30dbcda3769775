import { ConnectError } from "@connectrpc/connect";
import { classify, type ForeignAnswer } from "../rejection/classify.ts";
import { aboutReasons, type RejectionReason } from "../rejection/reasons.ts";
import type { Hop, Rejection } from "../rejection/rejection.ts";
import { statedRejection } from "../rejection/stated-rejection.ts";
import { type BrokenCall, brokenCall } from "./broken-call.ts";

/** What the caller knows of its own call and an error does not say. */
export type CallFacts = Pick<ForeignAnswer, "sentToken" | "throughGateway">;

/**
 * Who refused a call, why, and what to change, from the error that the call ended with: what Callpath's own hops state, what
 * became of the connection, or else what the words of the answer show (rejection/classify.ts).
 */
export function explainError(error: unknown, facts: CallFacts = {}): Rejection {
  const failure = ConnectError.from(error);
  const broken = brokenCall(failure);
  if (broken !== undefined) return brokenRejection(failure, broken);
  return statedRejection(failure) ?? foreignRejection(failure, facts);
}

function brokenRejection(failure: ConnectError, { kind, code }: BrokenCall): Rejection {
  const detail = `${kind}: ${code}`;
  if (code === "ERR_HTTP2_ERROR") {
    const fix = "No HTTP/2 is spoken there: is it the gRPC port, and does it want TLS?";
    return about(failure, "client", "CONNECTION_FAILED", detail, fix);
  }
  if (kind !== "connect") return about(failure, "client", "CALL_RESET", detail);
  const words = classify({ code: failure.code, message: `${code}: ${failure.rawMessage}` });
  const fix = words.kind === "known" ? words.rejection.fix : undefined;
  return about(failure, "client", "CONNECTION_FAILED", detail, fix);
}

function foreignRejection(failure: ConnectError, facts: CallFacts): Rejection {
  const { code, rawMessage: message, metadata: headers } = failure;
  const found = classify({ ...facts, code, message, headers });
  if (found.kind === "known") return found.rejection;
  const isStatus = !/^HTTP \d{3}$/.test(message);
  const reason = isStatus ? "SERVICE_ERROR" : "UNKNOWN";
  return about(failure, isStatus ? "server" : "cloud-run", reason, found.evidence.join("; "));
}

function about(
  { code, rawMessage: message }: ConnectError,
  hop: Hop,
  reason: RejectionReason,
  detail: string,
  fix: string = aboutReasons[reason].fix,
): Rejection {
  return { hop, reason, code, message, detail, fix };
}

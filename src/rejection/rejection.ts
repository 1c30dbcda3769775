import { type Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../google/gen/google/rpc/error_details_pb.ts";
import type { Hop } from "./hop.ts";
import type { RejectionReason } from "./reasons.ts";

export type { Hop } from "./hop.ts";

/** One refusal, as a plain value: who refused, why, and what to change. */
export interface Rejection {
  readonly hop: Hop;
  /** Stable and documented: one row each in docs/rejections.md. */
  readonly reason: RejectionReason;
  readonly code: Code;
  /** The words that go on the wire: the gateway's are API Gateway's own. */
  readonly message: string;
  /** What was seen and what was wanted, for logs and `explain`; never on the wire, never the token itself. */
  readonly detail: string;
  /** One thing the reader can do, as a command or a config line. */
  readonly fix: string;
  /** The value that would have been accepted, where there is one (an audience, a gRPC path): what a tool fills its own command in with. */
  readonly accepted?: string;
}

/** The same refusal as an RPC error: status `code`, plus a google.rpc.ErrorInfo detail. For server and client, never the gateway. */
export function toConnectError({ hop, reason, code, message, fix }: Rejection): ConnectError {
  const info = { reason, domain: "callpath.dev", metadata: { hop, fix } };
  // A detail, not a subclass: ConnectError defines its own instanceof, under
  // which a subclass instance stops being a ConnectError and turns UNKNOWN.
  return new ConnectError(message, code, undefined, [{ desc: ErrorInfoSchema, value: info }]);
}

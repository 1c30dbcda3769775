import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { IdToken } from "../../auth/token-source.ts";
import type { CallFlags } from "../call.ts";
import type { Context } from "../command.ts";
import type { CallTarget } from "./call-target.ts";

/** What is known about a call that failed. */
export interface FailedCall {
  /** A ConnectError, or what the token source threw. */
  readonly error: Error;
  readonly method: DescMethod;
  readonly target: CallTarget;
  readonly token: IdToken | undefined;
  readonly traceId: string;
  readonly timeoutMs: number | undefined;
  readonly startedAtMs: number;
  /** The message, as it would be typed again. */
  readonly json: string | undefined;
}

/** Say on stderr (as JSON on stdout) which hop refused the call, why, and the fix. */
export async function tellFailure(
  { note }: Context<CallFlags>,
  { error }: FailedCall,
): Promise<void> {
  const code = error instanceof ConnectError ? error.code : Code.Unauthenticated;
  note(
    `${grpcCodeName(code)}  ${error instanceof ConnectError ? error.rawMessage : error.message}`,
  );
}

/** PERMISSION_DENIED, as gRPC's documents write it. */
export function grpcCodeName(code: Code): string {
  const words = Code[code] ?? `CODE_${code}`;
  return words.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

import { Code } from "@connectrpc/connect";
import type { Rejection } from "../rejection/rejection.ts";

/** A refusal as a program prints it: status and words, then where and the fix. */
export function printRejection({ hop, reason, code, message, detail, fix }: Rejection): string {
  const lines = [`${statusName(code)}  ${message}`, `  hop: ${hop} (${reason})`];
  if (detail !== "") lines.push(`  ${detail}`);
  if (fix !== "") lines.push(`  fix: ${fix}`);
  return lines.join("\n");
}

/** As gRPC writes it: PERMISSION_DENIED. */
function statusName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

import { codeName } from "../rejection/code-name.ts";
import type { Rejection } from "../rejection/rejection.ts";

/** A refusal as a program prints it: status and words, then where and the fix. */
export function printRejection({ hop, reason, code, message, detail, fix }: Rejection): string {
  const lines = [`${codeName(code)}  ${message}`, `  hop   ${hop}: ${reason}`];
  if (detail !== "") lines.push(`  seen  ${detail}`);
  if (fix !== "") lines.push(`  fix   ${fix}`);
  return lines.map(oneLine).join("\n");
}

/** The words are somebody else's: they neither break the lines nor steer the terminal. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, " / ").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");
}

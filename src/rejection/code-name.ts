import { Code } from "@connectrpc/connect";

/** A status as gRPC's documents write it: PERMISSION_DENIED. */
export function codeName(code: number): string {
  if (code === 0) return "OK";
  if (code === Code.Canceled) return "CANCELLED"; // gRPC spells it with two l
  const name: string | undefined = Code[code];
  return name === undefined
    ? `CODE_${code}`
    : name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

import { Code } from "@connectrpc/connect";

/** PERMISSION_DENIED, as gRPC's documents write it; STATUS 42 for a number that has no name. */
export function grpcCodeName(code: number): string {
  if (code === 0) return "OK";
  if (code === Code.Canceled) return "CANCELLED";
  const words = (Code as Readonly<Record<number, string | undefined>>)[code];
  return words?.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase() ?? `STATUS ${code}`;
}

import { randomBytes } from "node:crypto";
import { UsageError } from "../command.ts";

/** What a call sends beside its messages, and the trace id by which the hops' reports are found again. */
export interface CallHeaders {
  readonly headers: Headers;
  readonly traceId: string;
}

/** `name: value` of -H, the token, and a traceparent where the user gave none. Throws UsageError. */
export function callHeaders(entries: readonly string[], token: string | undefined): CallHeaders {
  const headers = new Headers();
  for (const entry of entries) {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(entry) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageError(`-H '${entry}': write 'name: value'`);
    try {
      headers.append(name, value);
    } catch {
      throw new UsageError(`-H '${entry}': no header may look like that`);
    }
  }
  if (token !== undefined && !headers.has("authorization"))
    headers.set("authorization", `Bearer ${token}`);
  const given = /^00-([0-9a-f]{32})-[0-9a-f]{16}-/.exec(headers.get("traceparent") ?? "")?.[1];
  const traceId = given ?? randomBytes(16).toString("hex");
  if (given === undefined)
    headers.set("traceparent", `00-${traceId}-${randomBytes(8).toString("hex")}-01`);
  return { headers, traceId };
}

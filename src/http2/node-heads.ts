import http2 from "node:http2";
import type { Field, Head } from "./head.ts";
import { asHpackFields } from "./hpack/encoder.ts";
import type { Limits } from "./limits.ts";

/** See `Limits.rejectUnderscores`. */
export function mayNotPass(head: Head | undefined, { rejectUnderscores }: Limits): boolean {
  return rejectUnderscores && head?.some(({ name }) => name.includes("_")) === true;
}

/** node:http2 gives names and values in turn, latin1 as it came. */
export function toHead(raw: readonly string[]): Head {
  const head: Field[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    head.push({ name: raw[at] ?? "", value: raw[at + 1] ?? "", sensitive: false });
  }
  return head;
}

/**
 * Equal names keep their order; the order between different names is node:http2's. Throws a TypeError for a field no
 * header may look like: node:http2 sends some of them.
 */
export function toHeaders(head: Head): http2.OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> & { [http2.sensitiveHeaders]?: string[] } = {};
  const sensitive: string[] = [];
  for (const { name, value, sensitive: isSensitive } of asHpackFields(head)) {
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (typeof before === "string") headers[name] = [before, value];
    else before.push(value);
    if (isSensitive) sensitive.push(name);
  }
  if (sensitive.length > 0) headers[http2.sensitiveHeaders] = sensitive;
  return headers as http2.OutgoingHttpHeaders;
}

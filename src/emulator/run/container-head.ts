import { randomBytes } from "node:crypto";
import { traceIdOf } from "../../gateway/call-log.ts";
import type { MakeField } from "../../http2/exchange.ts";
import { type Field, firstValue, type Head } from "../../http2/head.ts";

/** What the front knows about a call that the container is told. */
export interface ContainerCall {
  /** Of whoever is connected to the front. */
  readonly clientAddress: string;
  readonly trace: Trace;
  /** The header whose token the front has checked, and what takes its place; undefined: none was, or it stays. */
  readonly checked: { readonly received: Field; readonly sent: Field } | undefined;
}

export interface Trace {
  /** 32 hex digits. */
  readonly id: string;
  /** This hop's span, 16 hex digits. */
  readonly spanId: string;
}

/** The caller's trace, or a new one; a new span either way. */
export function traceOf(head: Head): Trace {
  const fresh = randomBytes(24).toString("hex");
  return { id: traceIdOf(head) ?? fresh.slice(0, 32), spanId: fresh.slice(32) };
}

/**
 * The head as the container gets it: what the caller sent, in its order, and Cloud Run's own headers behind it.
 * @see https://cloud.google.com/run/docs/reference/container-contract
 */
export function containerHead(head: Head, call: ContainerCall, field: MakeField): Head {
  const sent: Field[] = [];
  for (const received of head) {
    if (received.name === ":scheme") sent.push(field(":scheme", "http", { keep: true }));
    else if (OWN.has(received.name)) continue;
    else if (received === call.checked?.received) sent.push(call.checked.sent);
    else sent.push(received);
  }
  const { clientAddress, trace } = call;
  const hop = clientAddress.includes(":") ? `"[${clientAddress}]"` : `"${clientAddress}"`;
  sent.push(
    field("x-forwarded-for", joined(head, "x-forwarded-for", clientAddress)),
    field("x-forwarded-proto", "https", { keep: true }),
    field("forwarded", joined(head, "forwarded", `for=${hop};proto=https`)),
    field("x-cloud-trace-context", `${trace.id}/${BigInt(`0x${trace.spanId}`)};o=1`),
    field("traceparent", `00-${trace.id}-${trace.spanId}-01`),
  );
  return sent;
}

/** Trailers name nobody: a token there was never checked. */
export function containerTrailers(trailers: Head): Head {
  return trailers.some(isIdentity) ? trailers.filter((one) => !isIdentity(one)) : trailers;
}

function isIdentity({ name }: Field): boolean {
  return name === "authorization" || name === "x-serverless-authorization";
}

/** The front's word replaces or follows what the caller says. */
const OWN: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "forwarded",
  "x-cloud-trace-context",
  "traceparent",
]);

/** The caller's values, the front's own last: the only one that is true. */
function joined(head: Head, name: string, own: string): string {
  if (firstValue(head, name) === undefined) return own;
  const values = head.filter((one) => one.name === name).map(({ value }) => value);
  return [...values, own].join(", ");
}

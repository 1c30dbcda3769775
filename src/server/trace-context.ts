/** Which trace a call belongs to: what joins the events of its hops. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits; undefined where the header names none. */
  readonly spanId: string | undefined;
  readonly sampled: boolean;
}

/**
 * From `traceparent`, else from `x-cloud-trace-context`, which Cloud Run's front adds (TRACE/SPAN;o=1, span decimal).
 * undefined when neither is there or well formed.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceContextOf(
  header: (name: string) => string | undefined,
): TraceContext | undefined {
  return fromTraceparent(header("traceparent")) ?? fromCloudTrace(header("x-cloud-trace-context"));
}

const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

function fromTraceparent(value: string | undefined): TraceContext | undefined {
  const match = value?.match(
    /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/,
  );
  const [, traceId = NO_TRACE, spanId = NO_SPAN, flags = "00"] = match ?? [];
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

function fromCloudTrace(value: string | undefined): TraceContext | undefined {
  const match = value?.match(/^([0-9a-fA-F]{32})(?:\/(\d{1,20}))?(?:;o=(\d+))?$/);
  const [, traceId = NO_TRACE, span, options = "0"] = match ?? [];
  if (traceId === NO_TRACE) return undefined;
  const spanId = span === undefined ? undefined : hexSpan(span);
  return { traceId: traceId.toLowerCase(), spanId, sampled: (Number(options) & 1) === 1 };
}

function hexSpan(decimal: string): string | undefined {
  const hex = BigInt(decimal).toString(16).padStart(16, "0");
  return hex.length > 16 || hex === NO_SPAN ? undefined : hex;
}

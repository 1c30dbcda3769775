import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { traceContextOf } from "./trace-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

describe("traceContextOf", () => {
  for (const [header, value, expected] of [
    [
      "traceparent",
      `00-${traceId}-00f067aa0ba902b7-01`,
      { spanId: "00f067aa0ba902b7", sampled: true },
    ],
    [
      "traceparent",
      `00-${traceId}-00f067aa0ba902b7-00`,
      { spanId: "00f067aa0ba902b7", sampled: false },
    ],
    [
      "traceparent",
      `cc-${traceId}-00f067aa0ba902b7-01-future`,
      { spanId: "00f067aa0ba902b7", sampled: true },
    ],
    [
      "x-cloud-trace-context",
      `${traceId}/67667974448284343;o=1`,
      { spanId: "00f067aa0ba902b7", sampled: true },
    ],
    ["x-cloud-trace-context", traceId.toUpperCase(), { spanId: undefined, sampled: false }],
  ] as const)
    it(`reads ${header}: ${value}`, () => {
      const found = traceContextOf((name) => (name === header ? value : undefined));
      assert.deepEqual(found, { traceId, ...expected });
    });

  for (const [header, value] of [
    ["traceparent", `ff-${traceId}-00f067aa0ba902b7-01`],
    ["traceparent", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`],
    ["traceparent", `00-${traceId}-${"0".repeat(16)}-01`],
    ["traceparent", "garbage"],
    ["x-cloud-trace-context", "garbage/1;o=1"],
    ["x-cloud-trace-context", `${traceId}/1;o=1"}, "severity": "ERROR`],
  ] as const)
    it(`ignores ${header}: ${value}`, () => {
      assert.equal(
        traceContextOf((name) => (name === header ? value : undefined)),
        undefined,
      );
    });

  it("prefers traceparent, and takes the other one where it is malformed", () => {
    const cloud = `${"a".repeat(32)}/1;o=1`;
    const good = `00-${traceId}-00f067aa0ba902b7-01`;
    const both = (traceparent: string) => (name: string) =>
      name === "traceparent" ? traceparent : cloud;
    assert.equal(traceContextOf(both(good))?.traceId, traceId);
    assert.equal(traceContextOf(both("garbage"))?.traceId, "a".repeat(32));
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Sample } from "./measure.ts";
import { judge, type Measured, spreadOf } from "./summary.ts";
import type { TargetName } from "./targets/target.ts";
import { heldTo } from "./workloads.ts";

const sample = (cpuUs: number, failed = 0): Sample => ({
  cpuUs,
  failed,
  failure: "",
  rps: 1,
  p50Us: 1,
  p99Us: 1,
  memoryMb: 1,
  others: 0,
});

function measured(series: Partial<Record<TargetName, readonly Sample[]>>): Measured {
  const [workload] = heldTo;
  if (workload === undefined) throw new Error("no workload");
  const listed = Object.entries(series) as [TargetName, readonly Sample[]][];
  return { workload, series: listed.map(([target, samples]) => ({ target, samples })) };
}

const half = { metric: "cpuUs", peer: "envoy", atMost: 0.5 } as const;

describe("spreadOf", () => {
  it("takes the middle, or the middle of the two in the middle", () => {
    assert.deepEqual(spreadOf([5, 1, 3]), { median: 3, least: 1, most: 5 });
    assert.equal(spreadOf([4, 1, 3, 10]).median, 3.5);
    assert.equal(spreadOf([]).median, Number.NaN);
    assert.equal(spreadOf([Number.NaN, 2]).median, 2);
  });
});

describe("judge", () => {
  it("compares medians, and tells how far single rounds lie apart", () => {
    const both = measured({
      callpath: [sample(10), sample(12), sample(50)],
      envoy: [sample(40), sample(30), sample(20)],
    });
    const verdict = judge(both, half);
    assert.deepEqual(verdict?.ratio, { median: 12 / 30, least: 10 / 40, most: 50 / 20 });
    assert.equal(verdict?.isMet, true);
  });

  it("counts a goal as missed above its bound, or when a call failed on either side", () => {
    const slow = measured({ callpath: [sample(16)], envoy: [sample(30)] });
    assert.equal(judge(slow, half)?.isMet, false);
    const failed = measured({ callpath: [sample(1)], envoy: [sample(30, 2)] });
    assert.partialDeepStrictEqual(judge(failed, half), { isMet: false, failed: 2 });
  });

  it("has no verdict on a peer that was not measured", () => {
    assert.equal(judge(measured({ callpath: [sample(1)] }), half), undefined);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Budget } from "./budget.ts";

describe("Budget", () => {
  it("allows the burst, then the rate", () => {
    let nowMs = 0;
    const budget = new Budget({ burst: 10, perSecond: 5 }, () => nowMs);
    const spent = () => Array.from({ length: 100 }, () => budget.spend(1)).filter(Boolean).length;
    assert.equal(spent(), 10);
    nowMs += 1000;
    // What was asked for beyond the budget is owed first: who floods stays out.
    assert.equal(spent(), 0);
    nowMs += 1_000_000;
    assert.equal(spent(), 10);
  });

  it("gives back what was useful, never more than the burst", () => {
    const budget = new Budget({ burst: 2, perSecond: 0 }, () => 0);
    assert.equal(budget.spend(2), true);
    budget.refund(5);
    assert.equal(budget.spend(2), true);
    assert.equal(budget.spend(1), false);
  });
});

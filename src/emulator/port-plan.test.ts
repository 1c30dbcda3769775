import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planPorts } from "./port-plan.ts";

describe("planPorts", () => {
  it("counts up from a base that was asked for; a second gateway or service gets a free one", () => {
    const plan = planPorts(9000);
    assert.deepEqual(plan.gateway("echo"), { what: "the gateway echo", port: 9000, isAsked: true });
    assert.partialDeepStrictEqual(plan.gateway("other"), { port: 0, isAsked: false });
    assert.partialDeepStrictEqual(plan.service("echo"), { port: 9001, isAsked: true });
    assert.partialDeepStrictEqual(plan.service("other"), { port: 0, isAsked: false });
    assert.partialDeepStrictEqual(
      [plan.issuer.port, plan.metadata.port, plan.issuerTls.port],
      [9002, 9003, 9004],
    );
  });

  it("prefers 8443 and 8444, and insists on nothing", () => {
    const plan = planPorts(undefined);
    assert.partialDeepStrictEqual(plan.gateway("echo"), { port: 8443, isAsked: false });
    assert.partialDeepStrictEqual(plan.service("echo"), { port: 8444, isAsked: false });
    assert.equal(plan.issuer.port, 0);
  });

  it("takes any free ports for base 0", () => {
    const plan = planPorts(0);
    assert.partialDeepStrictEqual(plan.gateway("echo"), { port: 0, isAsked: false });
    assert.partialDeepStrictEqual(plan.service("echo"), { port: 0, isAsked: false });
  });

  for (const base of [-1, 65_532, 1.5]) {
    it(`refuses ${base}`, () => {
      assert.throws(() => planPorts(base), /write a number from 1 to 65531/);
    });
  }
});

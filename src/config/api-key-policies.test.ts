import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, routeOf } from "../../test/made-config.ts";

const usage = (...rules: readonly string[]) => ({
  usage: `usage:\n  rules:\n${rules.map((rule) => `    - ${rule}`).join("\n")}`,
});
const keyOf = (changed: { usage: string }, selector?: string) => routeOf(changed, selector).apiKey;

describe("usage rules", () => {
  it("with allow_unregistered_calls let calls in without an API key (UC-1)", () => {
    const changed = usage("{ selector: acme.v1.Four.Unary, allow_unregistered_calls: true }");
    assert.deepEqual(keyOf(changed), {
      required: false,
      at: { file: "api.yaml", line: 8, column: 7 },
    });
  });

  it("require a key of every other method (UC-2)", () => {
    const changed = usage(
      '{ selector: "*", allow_unregistered_calls: true }',
      "{ selector: acme.v1.Four.Chat, allow_unregistered_calls: false }",
      "{ selector: acme.v1.Four.Watch }",
    );
    assert.equal(keyOf(changed).required, false);
    assert.equal(keyOf(changed, "acme.v1.Four.Chat").required, true);
    assert.equal(keyOf(changed, "acme.v1.Four.Watch").required, true);
  });

  it("where none matches, point at usage", () => {
    const changed = usage("{ selector: acme.v1.Other.*, allow_unregistered_calls: true }");
    const at = { file: "api.yaml", line: 6, column: 1 };
    assert.deepEqual(keyOf(changed), { required: true, at });
  });

  it("with skip_service_control check no key (UC-7)", () => {
    assert.equal(keyOf(usage('{ selector: "*", skip_service_control: true }')).required, false);
  });

  it("are not needed for health checks, where a rule does not speak of them (UC-7)", () => {
    const apis = "apis: [{ name: grpc.health.v1.Health }, { name: acme.v1.Four }]";
    const required = (rule: string) =>
      ["Check", "Watch", "List"].map((method) => {
        return routeOf({ apis, ...usage(rule) }, `grpc.health.v1.Health.${method}`).apiKey.required;
      });
    const others = "{ selector: acme.v1.*, allow_unregistered_calls: true }";
    assert.deepEqual(required(others), [false, false, true]);
    assert.deepEqual(required("{ selector: grpc.health.v1.Health.Check }"), [true, false, true]);
  });

  it("that are missing are a warning, and every method needs a key (UC-2)", () => {
    assert.deepEqual(faultsOf({ usage: "" }), ["warning missing-usage usage.rules"]);
    const { required, at } = keyOf({ usage: "" });
    assert.deepEqual([required, at.line], [true, 1]);
  });
});

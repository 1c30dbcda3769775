import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, loadConfig, problemsOf } from "../../test/made-config.ts";

/** Backend rules by selector; each goes to a host of its own: a, b, c, … */
const backend = (...selectors: readonly string[]) => {
  const rules = selectors.map((selector, i) => {
    return `{ selector: ${JSON.stringify(selector)}, address: "grpcs://${"abcdef"[i]}" }`;
  });
  return { backend: `backend:\n  rules:\n    - ${rules.join("\n    - ")}` };
};
/** Which rule each method of Four got, then Other's. */
const winners = (...selectors: readonly string[]) => {
  const { model } = loadConfig(backend(...selectors));
  return [...(model?.routes.values() ?? [])].map(({ upstream }) => upstream.host).join("");
};

describe("rules of one list", () => {
  it("with * are about every method of every listed API, and no other (SEL-1, SEL-3, IN-3)", () => {
    const { model } = loadConfig();
    assert.deepEqual(
      [...(model?.routes.keys() ?? [])],
      [
        "/acme.v1.Four/Unary",
        "/acme.v1.Four/Upload",
        "/acme.v1.Four/Watch",
        "/acme.v1.Four/Chat",
        "/acme.v1.Other/Unary",
      ],
    );
  });

  it("by prefix are about every method below it, at any depth (SEL-1)", () => {
    assert.equal(winners("*", "acme.v1.Four.*"), "bbbba");
    assert.equal(winners("*", "acme.*"), "bbbbb");
  });

  it("win by place, not by specificity: the last that matches (SEL-2)", () => {
    assert.equal(winners("*", "acme.v1.Four.Watch"), "aabaa");
    assert.equal(winners("acme.v1.Four.Watch", "*"), "bbbbb");
    assert.equal(winners("acme.v1.Four.Watch", "acme.v1.Four.*", "acme.v1.Other.Unary"), "bbbbc");
  });

  it("may list selectors with commas (SEL-1)", () => {
    assert.equal(winners("*", "acme.v1.Four.Unary, acme.v1.Other.*"), "baaab");
  });

  it("are case-sensitive (SEL-4)", () => {
    assert.deepEqual(problemsOf(backend("*", "acme.v1.four.Unary")), [
      'api.yaml:10:19: warning: backend rule: "acme.v1.four.Unary" matches no method of the listed APIs (backend.rules[1].selector)\n' +
        "  Did you mean acme.v1.Four.Unary?",
    ]);
  });

  for (const selector of ["acme.v1.Fo*", "acme.*.Unary", "/acme.v1.Four/Unary", "acme..v1"]) {
    it(`cannot have the selector ${selector} (SEL-1)`, () => {
      assert.deepEqual(faultsOf(backend("*", selector)), [
        "error selector-syntax backend.rules[1].selector",
      ]);
    });
  }

  it("must have a selector", () => {
    const changed = { backend: "backend: { rules: [{ address: grpcs://h }] }" };
    assert.deepEqual(faultsOf(changed), ["error missing-field backend.rules[0].selector"]);
  });

  it("that match nothing are a warning that says what to write (IN-5)", () => {
    const hints = loadConfig(
      backend("*", "acme.v1.Four", "acme.v1.Hidden.Unary", "acme.v1.Four.Unray", "acme.v2.*"),
    ).problems.map(({ hint }) => hint);
    assert.deepEqual(hints, [
      "It names a service or package: write acme.v1.Four.* for all its methods",
      "The image has acme.v1.Hidden, but apis does not list it: add - name: acme.v1.Hidden",
      "Did you mean acme.v1.Four.Unary?",
      "Methods are named like acme.v1.Four.Unary",
    ]);
  });

  it("that a later one always beats are a warning: order decides (SEL-2)", () => {
    assert.deepEqual(problemsOf(backend("acme.v1.Four.Chat", "acme.v1.*")), [
      "api.yaml:9:19: warning: this rule never applies: the last rule that matches wins, and line 10 matches too (backend.rules[0].selector)\n" +
        '  Move it below the rule with selector "acme.v1.*"',
    ]);
    // A default that every method overrides is good style.
    assert.deepEqual(faultsOf(backend("*", "acme.v1.Four.*", "acme.v1.Other.*")), []);
  });

  it("are checked in lists that the gateway does not use yet", () => {
    const tail = [
      "http: { rules: [{ selector: acme.v1.Four.Get, get: /v1/x }] }",
      "system_parameters: { rules: [{ selector: 'acme.*.x' }] }",
      "context: { rules: [{ selector: '*' }] }",
      "quota: { metric_rules: [{ selector: acme.v1.Nine.* }] }",
    ].join("\n");
    assert.deepEqual(faultsOf({ tail }), [
      "warning selector-matches-nothing http.rules[0].selector",
      "error selector-syntax system_parameters.rules[0].selector",
      "warning selector-matches-nothing quota.metric_rules[0].selector",
    ]);
  });
});

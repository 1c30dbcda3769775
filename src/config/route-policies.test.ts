import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, loadConfig, problemsOf, routeOf } from "../../test/made-config.ts";
import type { RoutePolicy } from "./model.ts";

const providers = `  providers:
    - { id: acme, issuer: https://acme.example, audiences: acme-aud, jwks_uri: https://acme.example/keys }
    - { id: bare, issuer: https://bare.example, jwks_uri: https://bare.example/keys }`;
const rules = (...lines: readonly string[]) => ({
  authentication: `authentication:\n${providers}\n  rules:\n${lines.map((line) => `    - ${line}`).join("\n")}`,
});

/** "open", or the providers that may accept. */
function policy(auth: RoutePolicy): string {
  if (auth.kind === "open") return "open";
  const accepted = auth.requirements.map(
    ({ provider, audiences }) => `${provider.id}(${audiences.join(" ")})`,
  );
  return `${accepted.join(" or ")}${auth.allowMissing ? " or none" : ""}`;
}
const policyOf = (changed: ReturnType<typeof rules>, selector?: string) =>
  policy(routeOf(changed, selector).auth);

describe("authentication rules", () => {
  it("leave a method open that none matches, or whose rule requires nothing (AR-1)", () => {
    const changed = rules(
      "{ selector: acme.v1.Four.*, requirements: [{ provider_id: acme }] }",
      "{ selector: acme.v1.Four.Chat, requirements: [] }",
      "{ selector: acme.v1.Four.Watch }",
    );
    assert.equal(policyOf(changed), "acme(acme-aud)");
    assert.equal(policyOf(changed, "acme.v1.Four.Chat"), "open");
    assert.equal(policyOf(changed, "acme.v1.Four.Watch"), "open");
    assert.equal(policyOf(changed, "acme.v1.Other.Unary"), "open");
    assert.equal(routeOf(changed, "acme.v1.Four.Chat").auth.at?.line, 14);
    assert.equal(routeOf(changed, "acme.v1.Other.Unary").auth.at, undefined);
  });

  it("accept by any one of several requirements (AR-2)", () => {
    const changed = rules(
      '{ selector: "*", requirements: [{ provider_id: acme }, { provider_id: bare }] }',
    );
    const bare = "bare(https://four.apigateway.acme.cloud.goog)";
    assert.equal(policyOf(changed), `acme(acme-aud) or ${bare}`);
    assert.deepEqual([...(loadConfig(changed).model?.providers.keys() ?? [])], ["acme", "bare"]);
  });

  it("take a requirement's own audiences before the provider's, for that rule only (AR-3)", () => {
    const changed = rules(
      '{ selector: "*", requirements: [{ provider_id: bare }] }',
      "{ selector: acme.v1.Four.Unary, requirements: [{ provider_id: bare, audiences: 'x, y' }] }",
    );
    assert.equal(policyOf(changed), "bare(x y)");
    assert.equal(
      policyOf(changed, "acme.v1.Four.Chat"),
      "bare(https://four.apigateway.acme.cloud.goog)",
    );
    assert.deepEqual(faultsOf(changed), []);
  });

  it("warn where both name audiences, which API Gateway refuses (AR-3)", () => {
    const changed = rules('{ selector: "*", requirements: [{ provider_id: acme, audiences: x }] }');
    assert.equal(policyOf(changed), "acme(x)");
    assert.deepEqual(faultsOf(changed), [
      "warning audiences-twice authentication.rules[0].requirements[0].audiences",
    ]);
  });

  it("may let callers in without a token (AR-4)", () => {
    const changed = rules(
      '{ selector: "*", allow_without_credential: true, requirements: [{ provider_id: acme }] }',
    );
    assert.equal(policyOf(changed), "acme(acme-aud) or none");
  });

  it("cannot name a provider that is not there (AR-6)", () => {
    const changed = rules('{ selector: "*", requirements: [{ provider_id: acne }] }');
    assert.deepEqual(problemsOf(changed), [
      'api.yaml:13:54: error: there is no authentication provider "acne" (authentication.rules[0].requirements[0].provider_id)\n' +
        "  Did you mean acme?",
    ]);
    assert.deepEqual(faultsOf(rules('{ selector: "*", requirements: [{ audiences: x }] }')), [
      "error missing-field authentication.rules[0].requirements[0].provider_id",
    ]);
  });

  it("replace each other whole: the last that matches wins (SEL-2)", () => {
    const changed = rules(
      "{ selector: acme.v1.*, allow_without_credential: true, requirements: [{ provider_id: acme }] }",
      "{ selector: acme.v1.Four.*, requirements: [{ provider_id: bare }] }",
    );
    assert.equal(policyOf(changed), "bare(https://four.apigateway.acme.cloud.goog)");
    assert.equal(policyOf(changed, "acme.v1.Other.Unary"), "acme(acme-aud) or none");
  });

  it("may have an oauth part, which counts for nothing", () => {
    const changed = rules('{ selector: "*", oauth: { canonical_scopes: x } }');
    assert.equal(policyOf(changed), "open");
  });

  it("that are missing are a warning", () => {
    assert.deepEqual(faultsOf({ authentication: "" }), [
      "warning missing-authentication authentication.rules",
    ]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, loadConfig, problemsOf } from "../../test/made-config.ts";

describe("the fields of google.api.Service", () => {
  it("are all known, also those that no gateway looks at", () => {
    const tail = `
id: 2026-01-01r0
producer_project_id: acme
documentation: { summary: What it is, overview: "a\\nb", pages: [{ name: A, subpages: [{ name: B }] }] }
types: [{ name: acme.v1.Empty, fields: [{ kind: TYPE_STRING, number: 1, json_name: aB }] }]
enums: [{ name: E, enumvalue: [{ name: A, number: 0 }] }]
endpoints: [{ name: four.apigateway.acme.cloud.goog, allow_cors: true, target: 1.2.3.4 }]
control: { environment: servicecontrol.googleapis.com }
logs: [{ name: l, labels: [{ key: k, value_type: STRING }] }]
metrics: [{ name: m, metric_kind: DELTA, value_type: 2, metadata: { sample_period: 3s } }]
monitored_resources: [{ type: r }]
billing: { consumer_destinations: [{ monitored_resource: r, metrics: [m] }] }
logging: { producer_destinations: [{ monitored_resource: r, logs: [l] }] }
monitoring: { consumer_destinations: [{ monitored_resource: r, metrics: [m] }] }
system_parameters: { rules: [{ selector: "*", parameters: [{ name: api_key, url_query_parameter: k }] }] }
source_info: { source_files: [{ "@type": type.googleapis.com/google.api.servicemanagement.v1.ConfigFile }] }
quota: { limits: [{ name: q, values: { STANDARD: 1000, LOW: "5" } }], metric_rules: [] }
http: { rules: [{ selector: acme.v1.Four.Unary, post: /v1/x, body: "*", additional_bindings: [{ get: /v1/y }] }] }
context: { rules: [{ selector: "*", requested: [a.B] }] }
publishing: { documentation_uri: https://acme.example }`;
    assert.deepEqual(problemsOf({ tail }), []);
  });

  for (const [text, written, meant] of [
    ["apis: [{ name: acme.v1.Four, verison: v1 }]", "apis[0].verison", "version"],
    ["config_versoin: 3", "config_versoin", "config_version"],
    ["sourceInfo: {}", "sourceInfo", "source_info"],
    ["control: { enviroment: x }", "control.enviroment", "environment"],
  ] as const) {
    it(`that are unknown are refused with their path: ${written}`, () => {
      const changed = text.startsWith("apis") ? { apis: text } : { tail: text };
      const [problem, ...others] = loadConfig(changed).problems.filter(
        ({ severity }) => severity === "error",
      );
      assert.deepEqual(others, []);
      assert.equal(problem?.code, "unknown-field");
      assert.equal(problem.path, written);
      assert.equal(problem.hint, `Did you mean ${meant}?`);
    });
  }

  it("go by their proto names: JSON names are unknown, and told so", () => {
    const authentication = `authentication:
  providers:
    - id: acme
      issuer: https://acme.example
      jwksUri: https://acme.example/keys`;
    const [problem] = problemsOf({ authentication }).filter((line) => line.includes("jwksUri"));
    assert.equal(
      problem,
      'api.yaml:12:7: error: google.api.AuthProvider has no field "jwksUri" (authentication.providers[0].jwksUri)\n' +
        "  Did you mean jwks_uri?",
    );
  });

  it("are listed where nothing is close", () => {
    const [problem] = loadConfig({ tail: "control: { qqq: 1 }" }).problems;
    assert.equal(problem?.hint, "Fields here: environment, method_policies");
  });

  it("cannot be merged in with <<, which is told so", () => {
    const tail = "control: &c { environment: x }\nlogging:\n  <<: *c\n";
    const [problem] = loadConfig({ tail }).problems;
    assert.equal(problem?.hint, "Merge keys are not read: write the fields themselves");
  });

  for (const [text, code, path] of [
    ["title: [a]", "wrong-kind", "title"],
    ["title: { a: b }", "wrong-kind", "title"],
    ["types: a", "wrong-kind", "types"],
    ["types: [a]", "wrong-kind", "types[0]"],
    ["types: { name: a }", "wrong-kind", "types"],
    ["control: a", "wrong-kind", "control"],
    ["control: [a]", "wrong-kind", "control"],
    ["usage: { requirements: a }", "wrong-kind", "usage.requirements"],
    ["usage: { requirements: [a, ~] }", "wrong-kind", "usage.requirements[1]"],
    ["quota: { limits: [{ values: [a] }] }", "wrong-kind", "quota.limits[0].values"],
    ["quota: { limits: [{ values: { a: b } }] }", "wrong-value", "quota.limits[0].values.a"],
    ["quota: { limits: [{ default_limit: 1.5 }] }", "wrong-value", "quota.limits[0].default_limit"],
    [
      "quota: { limits: [{ max_limit: 9223372036854775808 }] }",
      "wrong-value",
      "quota.limits[0].max_limit",
    ],
    ["endpoints: [{ name: a, allow_cors: yes }]", "wrong-value", "endpoints[0].allow_cors"],
    ["types: [{ syntax: PROTO3 }]", "wrong-value", "types[0].syntax"],
    [
      "metrics: [{ metadata: { ingest_delay: 3 } }]",
      "wrong-value",
      "metrics[0].metadata.ingest_delay",
    ],
  ] as const) {
    it(`hold what their type says: not ${text}`, () => {
      // The fixture's own title and usage would be written twice.
      const key = text.slice(0, text.indexOf(":"));
      const head = "type: google.api.Service\nconfig_version: 3\nname: a.apigateway.b.cloud.goog";
      const usage =
        key === "usage" ? "" : 'usage: { rules: [{ selector: "*", skip_service_control: true }] }';
      const changed = { head: key === "title" ? head : `${head}\ntitle: T`, usage, tail: text };
      const faults = faultsOf(changed).filter((fault) => fault.startsWith("error"));
      assert.deepEqual(faults, [`error ${code} ${path}`]);
    });
  }

  it("say what to write instead of a wrong kind", () => {
    assert.deepEqual(problemsOf({ tail: "enums: a\ncontrol: b\n" }), [
      "api.yaml:13:8: error: expected a list, found a single value (enums)\n  Put a dash before each: enums: [a]",
      "api.yaml:14:10: error: expected a mapping, found a single value (control)\n  Write fields under it: environment, method_policies",
    ]);
  });

  it("take text for numbers and numbers for text, as protobuf's JSON does", () => {
    const head =
      'type: google.api.Service\nconfig_version: "3"\nname: 3.apigateway.p.cloud.goog\ntitle: 3';
    assert.deepEqual(faultsOf({ head }), []);
  });

  it("count as not written where they have no value", () => {
    assert.deepEqual(faultsOf({ tail: "control:\nhttp: ~\ntypes: null\n" }), []);
    assert.deepEqual(faultsOf({ apis: "apis:\n  - name:\n" }), [
      "error missing-field apis[0].name",
    ]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, loadConfig, problemsOf } from "../../test/made-config.ts";

describe("apis", () => {
  it("must name at least one (IN-1)", () => {
    const path = "error no-apis apis";
    assert.deepEqual(faultsOf({ apis: "" }), [path]);
    assert.deepEqual(faultsOf({ apis: "apis: []" }), [path]);
    assert.deepEqual(faultsOf({ apis: "apis:" }), [path]);
  });

  it("serve the services they name; the others of the image are hidden (IN-3)", () => {
    const { model } = loadConfig({ apis: "apis:\n  - name: acme.v1.Other" });
    assert.deepEqual([...(model?.routes.keys() ?? [])], ["/acme.v1.Other/Unary"]);
    assert.deepEqual(model?.hiddenServices, [
      "acme.v1.Four",
      "acme.v1.Hidden",
      "grpc.health.v1.Health",
    ]);
    assert.deepEqual(model?.apisAt, { file: "api.yaml", line: 5, column: 1 });
  });

  it("must be in the image, and nothing is said twice about one that is not (IN-2)", () => {
    const changed = {
      apis: "apis: [{ name: acme.v1.Fuor }]",
      backend: "backend: { rules: [{ selector: acme.v1.Fuor.*, address: grpcs://h }] }",
    };
    assert.deepEqual(problemsOf(changed), [
      'api.yaml:5:16: error: the image has no service "acme.v1.Fuor" (apis[0].name)\n' +
        "  Did you mean acme.v1.Four?; if the proto is newer than the image: npx buf build -o gen/descriptor.pb",
    ]);
  });

  it("without a package are told the full name", () => {
    const [problem] = loadConfig({ apis: "apis: [{ name: Four }]" }).problems;
    assert.match(problem?.hint ?? "", /^Did you mean acme[.]v1[.]Four[?]/);
  });

  it("have a name each, and each once", () => {
    const apis = "apis: [{ name: acme.v1.Four }, {}, { name: acme.v1.Four }]";
    assert.deepEqual(faultsOf({ apis }), [
      "error missing-field apis[1].name",
      "error duplicate-api apis[2].name",
    ]);
  });

  it("skip google.discovery silently (IN-4)", () => {
    const apis = "apis: [{ name: acme.v1.Four }, { name: google.discovery.v1.Discovery }]";
    assert.deepEqual(faultsOf({ apis }), []);
    assert.equal(loadConfig({ apis }).model?.routes.size, 4);
  });

  it("may be written as Google's normalised form writes them (IN-2)", () => {
    const apis = `apis:
  - name: acme.v1.Four
    version: 1.0
    syntax: SYNTAX_PROTO3
    methods: [{ name: Unary, request_type_url: type.googleapis.com/acme.v1.Empty, response_streaming: false }]
    source_context: { file_name: acme/v1/four.proto }`;
    assert.deepEqual(faultsOf({ apis }), []);
    assert.equal(loadConfig({ apis }).model?.routes.size, 4);
  });

  it("keep each method's kind", () => {
    const kinds = [...(loadConfig().model?.routes.values() ?? [])].map(({ kind }) => kind);
    const four = ["unary", "client_streaming", "server_streaming", "bidi_streaming"];
    assert.deepEqual(kinds, [...four, "unary"]);
  });
});

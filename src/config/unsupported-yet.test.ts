import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadConfig } from "../../test/made-config.ts";
import { printProblem } from "./problem.ts";
import { unsupportedYet } from "./unsupported-yet.ts";

const faults = (fields: string) => {
  const backend = `backend: { rules: [{ selector: "*", ${fields} }] }`;
  const { model } = loadConfig({ backend });
  return unsupportedYet(model ?? assert.fail("no model")).map(printProblem);
};

describe("unsupportedYet", () => {
  it("has nothing against HTTP/2 upstreams", () => {
    assert.deepEqual(faults("address: 'grpcs://h'"), []);
    assert.deepEqual(faults("address: 'https://h', protocol: h2"), []);
  });

  for (const [address, grpc] of [
    ["https://h:1/x", "grpcs://h:1/x"],
    ["http://h", "grpc://h"],
    ["h.example", "grpcs://h.example"],
  ] as const) {
    it(`refuses the HTTP/1.1 backend ${address}, once for all its methods (BE-4)`, () => {
      assert.deepEqual(faults(`address: '${address}'`), [
        `api.yaml:7:46: error: HTTP/1.1 backends are not available yet: ${address} (backend.rules)\n` +
          `  For a gRPC service write address: ${grpc}`,
      ]);
    });
  }

  it("refuses path translation (BE-15, BE-16)", () => {
    assert.deepEqual(faults("address: 'grpcs://h/x', path_translation: CONSTANT_ADDRESS"), [
      "api.yaml:7:46: error: path_translation is not available yet (backend.rules)\n" +
        "  Remove it: gRPC calls keep their path",
    ]);
  });
});

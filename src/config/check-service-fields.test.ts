import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf } from "../../test/made-config.ts";

const NAME = "name: a.apigateway.b.cloud.goog";
const head = (...lines: readonly string[]) => ({ head: lines.join("\n") });
const TYPE = "type: google.api.Service";
const VERSION = "config_version: 3";
const TITLE = "title: T";

describe("the head of a config", () => {
  it("says its type", () => {
    assert.deepEqual(faultsOf(head(VERSION, NAME, TITLE)), ["error missing-field type"]);
    assert.deepEqual(faultsOf(head("type: google.api.Servise", VERSION, NAME, TITLE)), [
      "error wrong-value type",
    ]);
    assert.deepEqual(faultsOf(head("type: [a]", VERSION, NAME, TITLE)), ["error wrong-value type"]);
  });

  for (const [version, fault] of [
    ["config_version: 3", undefined],
    ["config_version: '3'", undefined],
    ["", "error missing-field config_version"],
    ["config_version: 2", "warning old-version config_version"],
    ["config_version: 0", "warning old-version config_version"],
    ["config_version: 4", "error wrong-value config_version"],
    ["config_version: three", "error wrong-value config_version"],
    ["config_version: -1", "error wrong-value config_version"],
  ] as const) {
    it(`with ${version || "no config_version"} is ${fault ?? "right"}`, () => {
      const faults = faultsOf(head(TYPE, version, NAME, TITLE));
      assert.deepEqual(faults, fault === undefined ? [] : [fault]);
    });
  }

  for (const [name, fault] of [
    ["name: echo-1ab.apigateway.my-project.cloud.goog", undefined],
    ["name: echo.apigateway.example.com.my-project.cloud.goog", undefined],
    ["name: '*.apigateway.my-project.cloud.goog'", undefined],
    ["name: echo.example.com", "warning service-name name"],
    ["name: 'not a name'", "warning service-name name"],
    ["name: ''", "error missing-field name"],
    ["", "error missing-field name"],
  ] as const) {
    it(`with ${name || "no name"} is ${fault ?? "right"}`, () => {
      const faults = faultsOf(head(TYPE, VERSION, name, TITLE));
      assert.deepEqual(faults, fault === undefined ? [] : [fault]);
    });
  }

  it("may have no title: a warning", () => {
    assert.deepEqual(faultsOf(head(TYPE, VERSION, NAME)), ["warning missing-title title"]);
  });
});

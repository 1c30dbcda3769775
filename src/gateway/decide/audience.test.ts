import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isAudienceAllowed, sameAudience } from "./audience.ts";

describe("sameAudience", () => {
  // AP-3's own examples, as they were seen at a gateway.
  for (const [accepted, seen] of [
    ["https://svc", "https://svc"],
    ["https://svc", "http://svc"],
    ["https://svc", "svc"],
    ["https://svc", "https://svc/"],
    ["my-client-id", "https://my-client-id"],
    ["grpcs://gw", "grpcs://gw/"],
    ["svc/", "svc"],
    ["", "https://"],
  ] as const)
    it(`AP-3: ${accepted} accepts ${seen}`, () => assert.ok(sameAudience(accepted, seen)));
  for (const [accepted, seen] of [
    ["grpcs://gw", "https://gw"],
    ["grpcs://gw", "gw"],
    ["https://svc", "https://svc/path"],
    ["https://svc", "https://svc//"],
    ["https://svc", "https://SVC"],
    ["https://svc", "HTTPS://svc"],
    ["https://svc", "https://https://svc"],
    ["https://svc", "https://svc "],
    ["https://svc", ""],
    ["https://svc", "svc.evil.test"],
  ] as const)
    it(`AP-3: ${accepted} does not accept ${seen}`, () => assert.ok(!sameAudience(accepted, seen)));
});

describe("isAudienceAllowed", () => {
  it("AP-2: any of the token's audiences may be any of the accepted", () => {
    assert.ok(isAudienceAllowed(["a", "b"], ["x", "b"]));
    assert.ok(!isAudienceAllowed(["a", "b"], ["x", "y"]));
    assert.ok(!isAudienceAllowed(["a"], []));
  });
});

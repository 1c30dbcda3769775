import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { didYouMean } from "./did-you-mean.ts";

const fields = ["id", "issuer", "jwks_uri", "audiences", "authorization_url", "jwt_locations"];

describe("didYouMean", () => {
  for (const [written, meant] of [
    ["jwksUri", "jwks_uri"],
    ["JWKS-URI", "jwks_uri"],
    ["audience", "audiences"],
    ["isuser", "issuer"],
    ["isssuer", "issuer"],
    ["jwt_location", "jwt_locations"],
    ["di", "id"],
    ["selector", undefined],
    ["x", undefined],
    ["", undefined],
  ] as const) {
    it(`takes ${JSON.stringify(written)} for ${meant ?? "nothing here"}`, () => {
      assert.equal(didYouMean(written, fields), meant);
    });
  }

  it("is bounded", () => {
    const long = "a".repeat(1_000_000);
    assert.equal(didYouMean(`${long}b`, [long]), undefined);
  });
});

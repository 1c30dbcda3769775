import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeBase64url } from "./decode-base64url.ts";

describe("decodeBase64url", () => {
  it("reads what base64url writes, and no other spelling of it", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString("base64url");
        assert.deepEqual(Buffer.from(decodeBase64url(text) ?? []), Buffer.from(bytes));
      }),
    );
    for (const text of ["A", "AB", "AAB", "AA==", "AA A", "AA\n", "+A", "/A", "é"])
      assert.equal(decodeBase64url(text), undefined, text);
  });
});

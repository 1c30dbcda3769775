import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { codeName } from "./code-name.ts";

describe("codeName", () => {
  for (const [code, name] of [
    [0, "OK"],
    [1, "CANCELLED"],
    [4, "DEADLINE_EXCEEDED"],
    [7, "PERMISSION_DENIED"],
    [16, "UNAUTHENTICATED"],
    [99, "CODE_99"],
  ] as const)
    it(`${code} is ${name}, as gRPC's documents write it`, () =>
      assert.equal(codeName(code), name));
});

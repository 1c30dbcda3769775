import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseGrpcTimeout } from "./grpc-timeout.ts";

describe("parseGrpcTimeout", () => {
  for (const [value, ms] of [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3000],
    ["250m", 250],
    ["500u", 0.5],
    ["0n", 0],
    ["99999999H", 99_999_999 * 3_600_000],
    ["123456789S", undefined],
    ["-1S", undefined],
    ["1s", undefined],
    ["", undefined],
    [undefined, undefined],
  ] as const)
    it(`${value} is ${ms} ms`, () => assert.equal(parseGrpcTimeout(value), ms));
});

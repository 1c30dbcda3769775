import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { grpcCodeOfHttp } from "./grpc-code.ts";

describe("grpcCodeOfHttp", () => {
  const codes = {
    307: 2,
    400: 13,
    401: 16,
    403: 7,
    404: 12,
    405: 2,
    408: 2,
    415: 2,
    429: 14,
    431: 2,
  };
  for (const [http, grpc] of Object.entries({
    ...codes,
    500: 2,
    501: 2,
    502: 14,
    503: 14,
    504: 14,
  }))
    it(`ER-3: ${http} is ${grpc}`, () => assert.equal(grpcCodeOfHttp(Number(http)), grpc));
});

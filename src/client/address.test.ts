import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLoopback, parseAddress } from "./address.ts";

describe("parseAddress", () => {
  for (const [address, origin, isTls] of [
    ["gw-1-uc.a.gateway.dev:443", "https://gw-1-uc.a.gateway.dev", true],
    ["localhost:8443", "https://localhost:8443", true],
    ["gw.example", "https://gw.example", true],
    ["https://localhost:8443/", "https://localhost:8443", true],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080", false],
    ["[::1]:50051", "https://[::1]:50051", true],
  ] as const)
    it(`reads ${address}`, () => {
      const parsed = parseAddress(address);
      assert.equal(parsed.url.origin, origin);
      assert.equal(parsed.isTls, isTls);
    });

  for (const address of [
    "",
    ":8080",
    "grpcs://host:443",
    "https://host/path",
    "host:99999",
    "https://user:pw@host",
    "host name:1",
  ])
    it(`refuses ${JSON.stringify(address)} and says what to write`, () => {
      assert.throws(() => parseAddress(address), /no address: write HOST:PORT/);
    });
});

describe("isLoopback", () => {
  for (const [address, expected] of [
    ["http://localhost:1", true],
    ["http://gateway.localhost:1", true],
    ["http://127.1.2.3:1", true],
    ["http://[::1]:1", true],
    ["http://localhost.example:1", false],
    ["http://127.0.0.1.example:1", false],
    ["http://10.0.0.1:1", false],
  ] as const)
    it(`says ${expected} of ${address}`, () => {
      assert.equal(isLoopback(new URL(address)), expected);
    });
});

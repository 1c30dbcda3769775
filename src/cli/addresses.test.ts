import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseBackend, parseListen, parseResolve } from "./addresses.ts";
import { UsageError } from "./command.ts";
import { parseDuration } from "./parse-duration.ts";

describe("parseListen", () => {
  for (const [text, host, port] of [
    ["127.0.0.1:8080", "127.0.0.1", 8080],
    ["localhost:0", "localhost", 0],
    ["[::1]:443", "::1", 443],
    [":8080", "0.0.0.0", 8080],
  ] as const)
    it(`reads ${text}`, () => assert.deepEqual(parseListen("listen", text), { host, port }));
  for (const text of ["8080", "localhost", "localhost:", "a:b", "::1:80", "h:70000", ""])
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseListen("listen", text), UsageError));
});

describe("parseResolve", () => {
  it("reads curl's form, with another port where one is given", () => {
    const map = parseResolve([
      "www.googleapis.com:443:127.0.0.1",
      "Other.example:443:127.0.0.1:9443",
      "six.example:80:[::1]:81",
    ]);
    assert.deepEqual(Object.fromEntries(map), {
      "www.googleapis.com:443": "127.0.0.1",
      "other.example:443": "127.0.0.1:9443",
      "six.example:80": "[::1]:81",
    });
  });
  for (const text of ["a:443", "a:b:c", "a", ":443:b"])
    it(`refuses ${text}`, () => assert.throws(() => parseResolve([text]), UsageError));
});

describe("parseBackend", () => {
  it("reads gRPC backends", () => {
    assert.equal(parseBackend("grpc://127.0.0.1:9000").port, "9000");
    assert.equal(parseBackend("GRPCS://host").protocol, "grpcs:");
  });
  it("says that HTTP/1.1 backends are not there yet", () => {
    assert.throws(() => parseBackend("http://127.0.0.1:9000"), /not available yet.*grpc:\/\/127/);
  });
  for (const text of ["127.0.0.1:9000", "h2c://x:1", "grpc://", "nonsense"])
    it(`refuses ${text}`, () => assert.throws(() => parseBackend(text), UsageError));
});

describe("parseDuration", () => {
  for (const [text, ms] of [
    ["500ms", 500],
    ["5s", 5000],
    ["1.5m", 90_000],
    ["1h", 3_600_000],
  ] as const)
    it(`reads ${text}`, () => assert.equal(parseDuration("timeout", text), ms));
  for (const text of ["5", "0s", "-1s", "s", "5 s", "1d"])
    it(`refuses ${text}`, () => assert.throws(() => parseDuration("timeout", text), UsageError));
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseAddress } from "./address.ts";

describe("parseAddress", () => {
  for (const [text, scheme, tls, host, port, path] of [
    ["grpcs://run.example", "grpcs", true, "run.example", 443, ""],
    ["grpc://run.example", "grpc", false, "run.example", 80, ""],
    ["https://run.example", "https", true, "run.example", 443, ""],
    ["http://run.example", "http", false, "run.example", 80, ""],
    ["GRPCS://run.example", "grpcs", true, "run.example", 443, ""],
    ["run.example", "https", true, "run.example", 443, ""],
    ["run.example:8080/x", "https", true, "run.example", 8080, "/x"],
    ["grpc://localhost:9000", "grpc", false, "localhost", 9000, ""],
    ["grpcs://run.example:", "grpcs", true, "run.example", 443, ""],
    ["grpcs://[::1]:9000/a", "grpcs", true, "[::1]", 9000, "/a"],
    ["grpc://[2001:db8::1]", "grpc", false, "[2001:db8::1]", 80, ""],
    ["https://h/a%20b/c?d=e%2F", "https", true, "h", 443, "/a%20b/c"],
    ["https://h?d=e", "https", true, "h", 443, ""],
    ["grpc://127.0.0.1:1", "grpc", false, "127.0.0.1", 1, ""],
    ["grpc://my_host:65535", "grpc", false, "my_host", 65535, ""],
  ] as const) {
    it(`reads ${text} (BE-1, BE-2)`, () => {
      assert.deepEqual(parseAddress(text), { scheme, tls, host, port, path });
    });
  }

  for (const [text, word] of [
    ["h2c://h", 'scheme "h2c"'],
    ["grpcss://h", 'scheme "grpcss"'],
    ["://h", 'scheme ""'],
    ["ftp://h", "http, https, grpc, grpcs"],
    ["grpcs://", "no host"],
    ["grpcs:///path", "no host"],
    ["grpcs://:443", "no host name"],
    ["grpcs://h:http", '"http" is no port'],
    ["grpcs://h:0", "no port"],
    ["grpcs://h:65536", "no port"],
    ["grpcs://h:-1", "no port"],
    ["grpcs://h:1:2", "more than one colon"],
    ["grpcs://::1", "more than one colon"],
    ["grpcs://[::1", "brackets"],
    ["grpcs://::1]", "brackets"],
    ["grpcs://[::1]9", "brackets"],
    ["grpcs://[::z]", "no host name"],
    ["grpcs://h/%zz", "percent escape"],
    ["grpcs://h/%2", "percent escape"],
    ["grpcs://a%20b", "no host name"],
    ["grpcs://a b", "no host name"],
    ["grpcs://h/a b", "space"],
    ["grpcs://h/\u0007", "control character"],
    ["grpcs://h\n", "no host name"],
    ["grpcs://u:p@h", "user name"],
    ["grpcs://h#f", "fragment"],
    ["grpcs://h<>", "no host name"],
  ] as const) {
    it(`refuses ${JSON.stringify(text)} and says why (BE-1, BE-2)`, () => {
      const parsed = parseAddress(text);
      assert.ok("fault" in parsed);
      assert.ok(parsed.fault.includes(word), parsed.fault);
      assert.notEqual(parsed.hint, "");
    });
  }

  it("tells h2c what it is called here", () => {
    const parsed = parseAddress("h2c://h:8080");
    assert.equal("hint" in parsed && parsed.hint, "For a gRPC backend write grpc://h:8080");
  });

  it("never throws, and gives a host and a port wherever it gives no fault", () => {
    const unit = fc.constantFrom(..."grpcs:/[]h1.%?#@ \n\u0000é-_~");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
        const parsed = parseAddress(text);
        if ("fault" in parsed) return;
        assert.ok(parsed.host.length > 0 && parsed.port > 0 && parsed.port < 65_536);
        assert.ok(URL.canParse(`http://${parsed.host}:${parsed.port}/`));
      }),
      { numRuns: 2000 },
    );
  });
});

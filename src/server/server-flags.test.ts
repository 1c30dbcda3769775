import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseServerFlags } from "./server-flags.ts";

const parse = (line: string, port?: string) =>
  parseServerFlags(line === "" ? [] : line.split(" "), port);

describe("parseServerFlags", () => {
  it("without flags: PORT, else 8080, on every interface, h2c, metadata on, Google's keys", () => {
    const defaults = {
      host: "0.0.0.0",
      port: 8080,
      tls: undefined,
      validateToken: false,
      targetAudience: undefined,
      useMetadata: true,
      accessFile: undefined,
      gatewayAudience: undefined,
      gatewayAccount: undefined,
      trustPlatform: false,
      jwksUrl: new URL("https://www.googleapis.com/oauth2/v3/certs"),
      caFile: undefined,
      help: false,
    };
    assert.deepEqual(parse(""), defaults);
    assert.deepEqual(parse("", ""), defaults);
    assert.deepEqual(parse("", "9090"), { ...defaults, port: 9090 });
    assert.partialDeepStrictEqual(parse("--grpcport :7070", "9090"), { port: 7070 });
  });

  for (const line of [
    "--validateToken --targetAudience https://x --trustPlatform --useMetadata=false --gatewayAccount a@b",
    "--validate-token=true --target-audience=https://x --trust-platform=true --use-metadata=false --gateway-account=a@b",
    "-validateToken -targetAudience https://x -trustPlatform -useMetadata=false -gatewayAccount a@b",
    "--validateToken=false --validateToken --targetAudience y --targetAudience https://x --trustPlatform --useMetadata=false --gatewayAccount a@b",
  ])
    it(`reads ${line}`, () => {
      assert.partialDeepStrictEqual(parse(line), {
        validateToken: true,
        targetAudience: "https://x",
        trustPlatform: true,
        useMetadata: false,
        gatewayAccount: "a@b",
      });
    });

  for (const [line, host, port] of [
    ["--grpcport :50051", "0.0.0.0", 50051],
    ["--grpcport 50051", "0.0.0.0", 50051],
    ["--grpcport 127.0.0.1:0", "127.0.0.1", 0],
    ["--grpcport [::1]:8080", "::1", 8080],
  ] as const)
    it(`${line} listens on ${host} port ${port}`, () => {
      assert.partialDeepStrictEqual(parse(line), { host, port });
    });

  it("--usetls takes the files with it", () => {
    assert.partialDeepStrictEqual(parse("--usetls --cert c.pem --key k.pem"), {
      tls: { certFile: "c.pem", keyFile: "k.pem" },
    });
  });

  it("--jwks may be http on this machine only", () => {
    for (const url of [
      "http://127.0.0.1:1/c",
      "http://localhost:1/c",
      "https://keys.example.com/c",
    ])
      assert.partialDeepStrictEqual(parse(`--jwks ${url}`), { jwksUrl: new URL(url) });
  });

  for (const [line, fault] of [
    ["--bogus", /unknown flag --bogus/],
    ["--bogus=1", /unknown flag --bogus/],
    ["serve", /unexpected argument serve/],
    ["--usetls false", /unexpected argument false; booleans are written --flag=false/],
    ["--usetls=yes", /--usetls=true or --usetls=false/],
    ["--usetls", /needs --cert FILE and --key FILE/],
    ["--cert c.pem --key k.pem", /without --usetls/],
    ["--access", /--access needs a value/],
    ["--access=", /--access needs a value/],
    ["--grpcport 99999", /--grpcport 99999 is no port/],
    ["--grpcport http", /is no port/],
    ["--validateToken", /needs the audience/],
    ["--jwks http://keys.example.com/c", /this machine only/],
    ["--jwks keys", /https URL/],
  ] as const)
    it(`refuses ${line}`, () => {
      const parsed = parse(line);
      assert.ok("usageFault" in parsed);
      assert.match(parsed.usageFault, fault);
    });

  it("refuses a PORT that is none, and says where it came from", () => {
    const parsed = parse("", "eighty");
    assert.ok("usageFault" in parsed);
    assert.match(parsed.usageFault, /PORT=eighty is no port/);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, loadConfig, problemsOf, routeOf } from "../../test/made-config.ts";

/** One backend rule for every method, with these fields besides. */
const backend = (fields: string) => ({
  backend: `backend: { rules: [{ selector: "*", ${fields} }] }`,
});
const upstream = (fields: string, method = "Unary") =>
  routeOf(backend(fields), `acme.v1.Four.${method}`).upstream;

describe("a backend rule's address", () => {
  it("keeps what was written, and is reached at its host and port (BE-1, BE-2)", () => {
    const { address, key, host, port, tls } = upstream("address: 'GRPCS://Run.example/a?b'");
    assert.deepEqual(
      { address, key, host, port, tls },
      {
        address: "GRPCS://Run.example/a?b",
        key: "run.example:443",
        host: "Run.example",
        port: 443,
        tls: true,
      },
    );
    assert.equal(upstream("address: 'grpc://run.example'").key, "run.example:80");
  });

  it("is an error with the accepted schemes where it has another (BE-1)", () => {
    assert.deepEqual(problemsOf(backend("address: 'h2c://run.example:8080'")), [
      'api.yaml:7:46: error: bad address "h2c://run.example:8080": unknown backend scheme "h2c"; it is one of http, https, grpc, grpcs (backend.rules[0].address)\n' +
        "  For a gRPC backend write grpc://run.example:8080",
    ]);
  });

  for (const address of [
    "grpcs://a:b",
    "grpcs://[::1",
    "grpcs://a:1:2",
    "grpcs://a/%zz",
    "grpcs://a b",
  ]) {
    it(`is an error where it is ${address} (BE-2)`, () => {
      assert.deepEqual(faultsOf(backend(`address: "${address}"`)), [
        "error bad-address backend.rules[0].address",
      ]);
    });
  }

  it("makes gRPC addresses HTTP/2, whatever protocol says (BE-3, BE-4, BE-8)", () => {
    assert.equal(upstream("address: 'grpc://h'").protocol, "h2");
    assert.equal(upstream("address: 'grpcs://h', protocol: http/1.1").protocol, "h2");
  });

  it("makes http(s) addresses HTTP/1.1, or HTTP/2 by protocol (BE-4)", () => {
    assert.equal(upstream("address: 'https://h'").protocol, "http/1.1");
    assert.equal(upstream("address: 'h'").protocol, "http/1.1");
    assert.equal(upstream("address: 'http://h', protocol: http/1.1").protocol, "http/1.1");
    assert.equal(upstream("address: 'https://h', protocol: h2").protocol, "h2");
    assert.equal(upstream("address: 'http://h', protocol: h2").protocol, "h2");
  });

  for (const protocol of ["grpc", "H2", "http/2"]) {
    it(`refuses the protocol ${protocol} (BE-4)`, () => {
      assert.deepEqual(faultsOf(backend(`address: 'https://h', protocol: ${protocol}`)), [
        "error bad-protocol backend.rules[0].protocol",
      ]);
    });
  }

  it("is sent as the authority without its port (BE-5)", () => {
    assert.equal(upstream("address: 'grpcs://run.example:8443/x'").authority, "run.example");
    assert.equal(upstream("address: 'grpc://[::1]:9000'").authority, "[::1]");
  });

  it("shares connections by host and port, and the first rule says how they are made (BE-6)", () => {
    const changed = {
      backend: `backend:
  rules:
    - { selector: acme.v1.Four.*, address: "grpc://h:9000" }
    - { selector: acme.v1.Other.*, address: "grpcs://H:9000" }`,
    };
    const other = routeOf(changed, "acme.v1.Other.Unary").upstream;
    assert.deepEqual([other.key, other.tls, other.protocol], ["h:9000", false, "h2"]);
    assert.deepEqual(faultsOf(changed), ["warning backend-conflict backend.rules[1].address"]);
  });

  it("must be there, and every method must have a rule (BE-7)", () => {
    assert.deepEqual(faultsOf(backend("deadline: 3")), [
      "error missing-field backend.rules[0].address",
    ]);
    assert.deepEqual(
      problemsOf({
        backend: "backend: { rules: [{ selector: acme.v1.Four.*, address: grpcs://h }] }",
      }),
      [
        "api.yaml:7:1: error: no backend rule says where acme.v1.Other.Unary goes (backend.rules)\n" +
          '  Write backend: { rules: [{ selector: "*", address: grpcs://HOST }] }',
      ],
    );
    assert.deepEqual(faultsOf({ backend: "" }), ["error no-backend backend.rules"]);
  });

  it("may be missing where --backend says where to go (BE-7)", () => {
    for (const changed of [backend("deadline: 3"), { backend: "" }]) {
      const { model, problems } = loadConfig(changed, "grpc://127.0.0.1:9000");
      assert.deepEqual(problems, []);
      const route = model?.routes.get("/acme.v1.Four/Unary");
      assert.equal(route?.upstream.key, "127.0.0.1:9000");
      assert.equal(route?.upstream.jwtAudience, undefined);
    }
  });

  it("does not change the path unless path_translation says so (BE-17)", () => {
    assert.equal(upstream("address: 'grpcs://h/base'").pathTranslation, undefined);
    assert.deepEqual(
      upstream("address: 'grpcs://h/base', path_translation: APPEND_PATH_TO_ADDRESS")
        .pathTranslation,
      { kind: "append", path: "/base" },
    );
    assert.deepEqual(
      upstream("address: 'grpcs://h', path_translation: CONSTANT_ADDRESS").pathTranslation,
      { kind: "constant", path: "" },
    );
  });
});

describe("a backend rule's audience", () => {
  for (const [fields, audience, isNamed] of [
    ["address: 'grpcs://h', jwt_audience: 'https://Aud/'", "https://Aud/", true],
    ["address: 'grpcs://h:8443/x'", "https://h", false],
    ["address: 'grpc://h:8080'", "http://h", false],
    ["address: 'http://h:8080'", "http://h", false],
    ["address: 'h'", "https://h", false],
    ["address: 'grpcs://h', disable_auth: false", "https://h", false],
    ["address: 'grpcs://h', disable_auth: true", undefined, false],
  ] as const) {
    it(`is ${audience ?? "none"} for ${fields} (BE-9)`, () => {
      const { jwtAudience, isAudienceNamed } = upstream(fields);
      assert.deepEqual(
        { jwtAudience, isAudienceNamed },
        { jwtAudience: audience, isAudienceNamed: isNamed },
      );
    });
  }

  it("cannot be named and switched off at once", () => {
    assert.deepEqual(
      problemsOf(backend("address: 'grpcs://h', jwt_audience: a, disable_auth: true")),
      [
        "api.yaml:7:76: error: jwt_audience and disable_auth cannot both be set (backend.rules[0].disable_auth)\n" +
          "  Keep one of jwt_audience, disable_auth",
      ],
    );
  });
});

describe("a backend rule's deadline", () => {
  for (const [deadline, deadlineMs, idleMs] of [
    ["", 15_000, 300_000],
    ["deadline: 0", 15_000, 300_000],
    ["deadline: -1", 15_000, 300_000],
    ["deadline: 0.0004", 15_000, 300_000],
    ["deadline: 0.0015", 2, 300_000],
    ["deadline: 2.5", 2_500, 300_000],
    ["deadline: 299.5", 299_500, 300_500],
    ["deadline: 3600", 3_600_000, 3_601_000],
  ] as const) {
    it(`of "${deadline}" ends unary RPCs after ${deadlineMs} ms (BE-11, BE-13)`, () => {
      const read = upstream(`address: 'grpcs://h', ${deadline}`);
      assert.deepEqual([read.deadlineMs, read.idleMs], [deadlineMs, idleMs]);
    });
  }

  for (const method of ["Upload", "Watch", "Chat"]) {
    it(`is how long ${method} may be silent, and no limit of the whole (BE-12)`, () => {
      const explicit = upstream("address: 'grpcs://h', deadline: 2.5", method);
      assert.deepEqual([explicit.deadlineMs, explicit.idleMs], [undefined, 2_500]);
      const without = upstream("address: 'grpcs://h'", method);
      assert.deepEqual([without.deadlineMs, without.idleMs], [undefined, 300_000]);
    });
  }

  it("that is negative is a warning, and one that no timer holds an error (BE-11)", () => {
    const path = "backend.rules[0].deadline";
    assert.deepEqual(faultsOf(backend("address: h, deadline: -1")), [
      `warning bad-deadline ${path}`,
    ]);
    assert.deepEqual(faultsOf(backend("address: h, deadline: 1e9")), [
      `error bad-deadline ${path}`,
    ]);
    assert.deepEqual(faultsOf(backend("address: h, deadline: .inf")), [
      `error wrong-value ${path}`,
    ]);
    assert.deepEqual(faultsOf(backend("address: h, deadline: 15s")), [`error wrong-value ${path}`]);
  });
});

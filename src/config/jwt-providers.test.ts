import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, problemsOf, routeOf } from "../../test/made-config.ts";
import type { JwtRequirement } from "./model.ts";

const fields = {
  id: "id: acme",
  issuer: "issuer: https://acme.example",
  audiences: "audiences: aud",
  jwks_uri: "jwks_uri: https://acme.example/keys",
  more: "",
};

/** A config with one provider, some of its fields changed. */
function provider(changed: Partial<typeof fields>) {
  const lines = Object.values({ ...fields, ...changed }).filter((line) => line !== "");
  return {
    authentication: `authentication:
  providers:
    - ${lines.join("\n      ")}
  rules: [{ selector: "*", requirements: [{ provider_id: acme }] }]`,
  };
}

function requirement(changed: Partial<typeof fields>): JwtRequirement {
  const { auth } = routeOf(provider(changed));
  assert.equal(auth.kind, "jwt");
  const [first] = auth.kind === "jwt" ? auth.requirements : [];
  return first ?? assert.fail("no requirement");
}

const path = (field: string) => `authentication.providers[0].${field}`;

describe("an authentication provider", () => {
  it("keeps its issuer to the letter, with its place (AP-1)", () => {
    const { issuer, issuerAt } = requirement({ issuer: "issuer: accounts.google.com/" }).provider;
    assert.equal(issuer, "accounts.google.com/");
    assert.deepEqual(issuerAt, { file: "api.yaml", line: 11, column: 15 });
  });

  for (const [written, audiences] of [
    ["a", ["a"]],
    ["'a, b ,c'", ["a", "b", "c"]],
    ["' a ,, '", ["a"]],
    ["grpcs://gw/", ["grpcs://gw/"]],
  ] as const) {
    it(`takes the audiences ${written} as a comma-separated list (AP-2)`, () => {
      assert.deepEqual(requirement({ audiences: `audiences: ${written}` }).audiences, audiences);
    });
  }

  for (const audiences of ["", "audiences: ''", "audiences: ' , '"]) {
    it(`without audiences (${audiences || "none"}) accepts https://NAME (AP-4)`, () => {
      const accepted = ["https://four.apigateway.acme.cloud.goog"];
      assert.deepEqual(requirement({ audiences }).audiences, accepted);
    });
  }

  it("says where its audiences stand", () => {
    const at = { file: "api.yaml", line: 12, column: 18 };
    assert.deepEqual(requirement({}).audiencesAt, at);
    assert.equal(requirement({ audiences: "" }).audiencesAt.line, 10);
  });

  it("has its audiences in one value: a list is told so", () => {
    assert.deepEqual(problemsOf(provider({ audiences: "audiences: [a, b]" })), [
      `api.yaml:12:18: error: expected a single value, found a list (${path("audiences")})\n` +
        "  audiences takes one value: audiences: a, b",
    ]);
  });

  for (const uri of ["https://acme.example/keys", "http://acme.example:8080/keys"]) {
    it(`fetches keys from ${uri} (AP-5)`, () => {
      assert.equal(requirement({ jwks_uri: `jwks_uri: ${uri}` }).provider.jwksUri.href, uri);
    });
  }

  for (const uri of [
    "acme.example/keys",
    "ftp://acme.example/keys",
    "file:///keys",
    "https://u:p@acme.example/",
  ]) {
    it(`cannot fetch keys from ${uri} (AP-5)`, () => {
      assert.deepEqual(faultsOf(provider({ jwks_uri: `jwks_uri: ${uri}` })), [
        `error bad-url ${path("jwks_uri")}`,
      ]);
    });
  }

  it("without jwks_uri is told that discovery is not available yet (AP-6)", () => {
    const changed = { jwks_uri: "", issuer: "issuer: https://accounts.google.com" };
    assert.deepEqual(problemsOf(provider(changed)), [
      `api.yaml:10:7: error: discovery of an issuer's keys is not available yet: jwks_uri is missing (${path("jwks_uri")})\n` +
        "  Write jwks_uri: https://www.googleapis.com/oauth2/v3/certs",
    ]);
  });

  it("looks for tokens in three places by default (AP-7)", () => {
    assert.deepEqual(requirement({}).provider.locations, [
      { kind: "header", name: "authorization", valuePrefix: "Bearer " },
      { kind: "header", name: "x-goog-iap-jwt-assertion", valuePrefix: "" },
      { kind: "query", name: "access_token" },
    ]);
  });

  it("looks where jwt_locations says and nowhere else (AP-8)", () => {
    const more = `jwt_locations:
        - { header: X-My-Token, value_prefix: "Tok" }
        - { query: my_token }
        - { cookie: jwt }`;
    assert.deepEqual(requirement({ more }).provider.locations, [
      { kind: "header", name: "x-my-token", valuePrefix: "Tok" },
      { kind: "query", name: "my_token" },
    ]);
    assert.deepEqual(faultsOf(provider({ more })), [
      `warning bad-location ${path("jwt_locations[2]")}`,
    ]);
  });

  for (const [location, fault] of [
    ["{ query: q, value_prefix: x }", "error bad-location jwt_locations[0].value_prefix"],
    ["{ header: 'a b' }", "error bad-location jwt_locations[0].header"],
    ["{ value_prefix: x }", "warning bad-location jwt_locations[0]"],
    ["{ header: a, query: b }", "error one-of jwt_locations[0].query"],
  ] as const) {
    it(`refuses the location ${location} (AP-8)`, () => {
      const [severity, code, inner] = fault.split(" ");
      assert.deepEqual(faultsOf(provider({ more: `jwt_locations: [${location}]` })), [
        `${severity} ${code} ${path(inner ?? "")}`,
      ]);
    });
  }

  it("needs an id, an issuer, and an id of its own", () => {
    assert.deepEqual(faultsOf(provider({ issuer: "issuer: ''" })), [
      `error missing-field ${path("issuer")}`,
    ]);
    assert.deepEqual(faultsOf(provider({ id: "authorization_url: ''" })), [
      `error missing-field ${path("id")}`,
      "error unknown-provider authentication.rules[0].requirements[0].provider_id",
    ]);
    const twice = provider({ more: `- { ${Object.values(fields).filter(Boolean).join(", ")} }` });
    const authentication = twice.authentication.replace("      - {", "    - {");
    assert.deepEqual(faultsOf({ authentication }), [
      "error duplicate-provider authentication.providers[1].id",
    ]);
  });

  it("has its faults reported even where no rule names it", () => {
    const authentication = `authentication: { providers: [{ id: unused }] }`;
    assert.deepEqual(faultsOf({ authentication }).toSorted(), [
      `error missing-field ${path("issuer")}`,
      `error no-discovery ${path("jwks_uri")}`,
      "warning missing-authentication authentication.rules",
    ]);
  });
});

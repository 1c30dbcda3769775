import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { configText, loadConfig, madeImage } from "../../test/made-config.ts";
import { loadGatewayModel } from "./load-gateway-model.ts";
import { printProblem } from "./problem.ts";
import { unsupportedYet } from "./unsupported-yet.ts";
import { parseYaml } from "./yaml.ts";
import { toJson } from "./yaml-node.ts";

const file = "gateway/api_config.yaml";
const walkthrough = {
  file,
  text: readFileSync(file, "utf8"),
  image: readFileSync("gen/descriptor.pb"),
  imageFile: "gen/descriptor.pb",
  values: {
    MANAGED_SERVICE: "echo-1.apigateway.my-project.cloud.goog",
    ADDRESS: "apiserver-grpc-abc-uc.a.run.app",
    RUN_URL: "https://apiserver-grpc-abc-uc.a.run.app",
  },
};
const lineOf = (part: string): number => {
  const lines = walkthrough.text.split("\n");
  return lines.findIndex((line) => line.includes(part)) + 1;
};

describe("loadGatewayModel on the walkthrough's config", () => {
  const { model, problems } = loadGatewayModel(walkthrough);

  it("has nothing to say against it", () => {
    assert.deepEqual(problems, []);
    assert.deepEqual(unsupportedYet(model ?? assert.fail()), []);
  });

  it("gives its whole model", () => {
    const at = (part: string, column: number) => ({ file, line: lineOf(part), column });
    const provider = {
      id: "google_id_token",
      issuer: "https://accounts.google.com",
      issuerAt: at("issuer:", 15),
      jwksUri: new URL("https://www.googleapis.com/oauth2/v1/certs"),
      jwksUriAt: at("jwks_uri:", 17),
      locations: [
        { kind: "header", name: "authorization", valuePrefix: "Bearer " },
        { kind: "header", name: "x-goog-iap-jwt-assertion", valuePrefix: "" },
        { kind: "query", name: "access_token" },
      ],
    };
    const audiencesAt = at("audiences:", 18);
    const audiences = ["grpcs://grpc-gateway-1"];
    const auth = {
      kind: "jwt",
      at: { file, line: lineOf("requirements:") - 1, column: 7 },
      requirements: [{ provider, audiences, audiencesAt }],
      allowMissing: false,
    };
    const upstream = {
      key: "apiserver-grpc-abc-uc.a.run.app:443",
      address: "grpcs://apiserver-grpc-abc-uc.a.run.app",
      host: "apiserver-grpc-abc-uc.a.run.app",
      port: 443,
      tls: true,
      protocol: "h2",
      authority: "apiserver-grpc-abc-uc.a.run.app",
      jwtAudience: "https://apiserver-grpc-abc-uc.a.run.app",
      isAudienceNamed: true,
      at: at("address:", 16),
    };
    const unary = {
      path: "/echo.EchoServer/SayHello",
      selector: "echo.EchoServer.SayHello",
      kind: "unary",
      auth,
      apiKey: { required: false, at: at("selector: echo.EchoServer.SayHello", 7) },
      upstream: { ...upstream, deadlineMs: 15_000, idleMs: 300_000 },
    };
    const stream = {
      path: "/echo.EchoServer/SayHelloStream",
      selector: "echo.EchoServer.SayHelloStream",
      kind: "server_streaming",
      auth,
      apiKey: { required: false, at: at("selector: echo.EchoServer.SayHelloStream", 7) },
      upstream: { ...upstream, deadlineMs: undefined, idleMs: 300_000 },
    };
    assert.deepEqual(model, {
      serviceName: "echo-1.apigateway.my-project.cloud.goog",
      file,
      routes: new Map([unary, stream].map((route) => [route.path, route])),
      providers: new Map([[provider.id, provider]]),
      hiddenServices: [],
      apisAt: at("apis:", 1),
    });
  });

  it("gives the same model for the same document as JSON, places aside", () => {
    const { root } = parseYaml(file, walkthrough.text);
    const text = JSON.stringify(root && toJson(root), null, "\t");
    const asJson = loadGatewayModel({ ...walkthrough, text });
    const withoutPlaces = (value: unknown) =>
      JSON.stringify(value, (key, inner) => {
        if (key === "at" || key.endsWith("At")) return undefined;
        return inner instanceof Map ? [...inner] : inner;
      });
    assert.deepEqual(asJson.problems, []);
    assert.equal(withoutPlaces(asJson.model), withoutPlaces(model));
  });

  it("names every template name that has no value, and says nothing more about them", () => {
    const { problems } = loadGatewayModel({ ...walkthrough, values: {} });
    assert.deepEqual(
      problems.map(({ code, path, at }) => `${at.line} ${code} ${path}`),
      [
        `${lineOf("$MANAGED_SERVICE")} unset-variable name`,
        `${lineOf("$ADDRESS")} unset-variable backend.rules[0].address`,
        `${lineOf("$RUN_URL")} unset-variable backend.rules[0].jwt_audience`,
      ],
    );
  });
});

describe("loadGatewayModel", () => {
  it("reports all problems at once, in file order, and gives no model", () => {
    const text = `type: google.api.Service
config_version: 3
name: $NAME
titel: X
apis: [{ name: acme.v1.Four }]
backend:
  rules:
    - { selector: acme.v1.Four/Unary, address: h2c://h }
authentication:
  providers: [{ id: a, issuer: b, jwks_uri: c }]
  rules: { selector: "*" }
`;
    const input = { file: "f", text, image: madeImage, imageFile: "i", values: {} };
    const { model, problems } = loadGatewayModel(input);
    assert.equal(model, undefined);
    assert.deepEqual(
      problems.map(({ at, code, path }) => `${at.line} ${code} ${path}`),
      [
        "1 missing-title title",
        "1 missing-usage usage.rules",
        "3 unset-variable name",
        "4 unknown-field titel",
        "8 selector-syntax backend.rules[0].selector",
        "8 bad-address backend.rules[0].address",
        "10 bad-url authentication.providers[0].jwks_uri",
        "11 wrong-kind authentication.rules",
      ],
    );
  });

  it("checks the config even where the image is none", () => {
    const input = {
      file: "f",
      text: configText({ backend: 'backend: { rules: [{ selector: "*", address: "x://h" }] }' }),
      image: new Uint8Array(),
      imageFile: "gen/descriptor.pb",
      values: {},
    };
    const { model, problems } = loadGatewayModel(input);
    assert.equal(model, undefined);
    assert.deepEqual(
      problems.map(({ at, code }) => `${at.file} ${code}`),
      ["gen/descriptor.pb image", "f bad-address"],
    );
  });

  for (const [text, code] of [
    ["", "empty-document"],
    ["- a\n", "not-a-mapping"],
    ["hello\n", "not-a-mapping"],
    ["a: [\n", "syntax"],
    ["type: google.api.Service\n---\ntype: google.api.Service\n", "several-documents"],
  ] as const) {
    it(`says ${code} for ${JSON.stringify(text)}, and no more`, () => {
      const input = { file: "f", text, image: madeImage, imageFile: "i", values: {} };
      const { model, problems } = loadGatewayModel(input);
      assert.equal(model, undefined);
      assert.deepEqual(
        problems.map((problem) => problem.code),
        [code],
      );
      assert.notEqual(problems[0]?.hint ?? (code === "syntax" ? "-" : ""), undefined);
    });
  }

  it("gives a model with warnings, and none with errors", () => {
    const { model, problems } = loadConfig({ usage: "" });
    assert.notEqual(model, undefined);
    assert.deepEqual(problems.map(printProblem), [
      "api.yaml:1:1: warning: without usage rules every method needs an API key (usage.rules)\n" +
        '  Write usage: { rules: [{ selector: "*", allow_unregistered_calls: true }] }',
    ]);
  });

  it("never throws and always ends, on a config with parts knocked out or put elsewhere", () => {
    const lines = configText().split("\n");
    const change = fc.record({
      line: fc.nat(lines.length - 1),
      from: fc.nat(60),
      remove: fc.nat(12),
      insert: fc.constantFrom(
        "",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        ", ",
        "~",
        "*",
        "$X",
        "\n",
        "\n  ",
        "'",
        '"',
        "x",
        "0",
        "&a ",
        "*a",
      ),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = [...lines];
        for (const { line, from, remove, insert } of changes) {
          const text = changed[line] ?? "";
          changed[line] = text.slice(0, from) + insert + text.slice(from + remove);
        }
        const text = changed.join("\n");
        const { model, problems } = loadGatewayModel({
          file: "f",
          text,
          image: madeImage,
          imageFile: "i",
          values: {},
        });
        assert.equal(
          model === undefined,
          problems.some(({ severity }) => severity === "error"),
        );
        for (const { message, hint, at } of problems) {
          assert.ok(message !== "" && at.line >= 1 && at.line <= lines.length + 10);
          assert.ok(!hint.includes("undefined") && !message.includes("undefined"), message + hint);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

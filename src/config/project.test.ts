import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { printProblem } from "./problem.ts";
import {
  INSTANCES,
  loadProject,
  METHOD_PATTERN,
  projectCallKeys,
  projectKeys,
  SERVICE_PATTERN,
} from "./project.ts";

const printed = (text: string) => loadProject("callpath.yaml", text).problems.map(printProblem);

describe("loadProject", () => {
  it("reads the sample's callpath.yaml", () => {
    const { project, problems } = loadProject(
      "callpath.yaml",
      readFileSync("callpath.yaml", "utf8"),
    );
    assert.deepEqual(problems, []);
    const { places, ...values } = project ?? assert.fail("no project");
    assert.deepEqual(values, {
      file: "callpath.yaml",
      image: "gen/descriptor.pb",
      config: "gateway/api_config.yaml",
      access: "server/access.yaml",
      server: "node server/main.ts",
      client: "node client/main.ts",
      call: { method: "echo.EchoServer/SayHello", message: { name: "Ada" } },
      service: "apiserver-grpc",
      instances: 3,
      watch: ["proto", "server"],
    });
    assert.deepEqual([...places.keys()].toSorted(), projectKeys.toSorted());
    assert.deepEqual(places.get("image"), { file: "callpath.yaml", line: 2, column: 8 });
  });

  it("leaves out what is not written, and what has no value", () => {
    const { project } = loadProject("f", "image: a.pb\nserver:\n");
    assert.equal(project?.image, "a.pb");
    assert.equal(project?.server, undefined);
    assert.equal(project?.call, undefined);
    assert.deepEqual(project?.watch, []);
  });

  it("keeps a server command's $PORT as it is", () => {
    const { project } = loadProject("f", "server: ./run --port $PORT\n");
    assert.equal(project?.server, "./run --port $PORT");
  });

  it("refuses unknown keys with place, path and the key that was meant", () => {
    assert.deepEqual(printed("imgae: a.pb\ncall: { metod: a.B/C }\n"), [
      'callpath.yaml:1:1: error: callpath.yaml has no field "imgae" (imgae)\n  Did you mean image?',
      "callpath.yaml:2:7: error: call names no method (call.method)\n  Write method: pkg.Service/Method",
      'callpath.yaml:2:9: error: call has no field "metod" (call.metod)\n  Did you mean method?',
    ]);
  });

  it("refuses values of the wrong kind, all at once", () => {
    const text = [
      "image: [a.pb]",
      "config: ''",
      "call: { method: echo.EchoServer.SayHello, message: Ada }",
      "service: Api_Server",
      "instances: many",
      "watch: proto",
    ].join("\n");
    assert.deepEqual(printed(text), [
      "callpath.yaml:1:8: error: expected one value, found a list (image)\n  Write image: gen/descriptor.pb",
      "callpath.yaml:2:9: error: the value is empty (config)\n  Write config: gateway/api_config.yaml",
      'callpath.yaml:3:17: error: "echo.EchoServer.SayHello" is no method (call.method)\n  Write method: echo.EchoServer/SayHello',
      "callpath.yaml:3:52: error: a message is a mapping of its fields (call.message)\n  Write message: { name: Ada }",
      'callpath.yaml:4:10: error: "Api_Server" is no name of a Cloud Run service (service)\n  Write at most 49 lower-case letters, digits and dashes, a letter first',
      'callpath.yaml:5:12: error: "many" is no whole number from 1 to 100 (instances)\n  Write a number such as 3',
      "callpath.yaml:6:8: error: expected a list, found a single value (watch)\n  Write watch: [proto, server]",
    ]);
  });

  for (const instances of ["0", "-1", "101", "2.5", '"3"', "[3]"]) {
    it(`refuses ${instances} instances`, () => {
      assert.equal(loadProject("f", `instances: ${instances}`).project, undefined);
    });
  }

  it("has no project where there is an error", () => {
    assert.equal(loadProject("f", "").project, undefined);
    assert.equal(loadProject("f", "- a").project, undefined);
    assert.equal(loadProject("f", "image: x\nnonsense: 1\n").project, undefined);
  });
});

interface Schema {
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
}

describe("docs/callpath.schema.json", () => {
  const schema = JSON.parse(readFileSync("docs/callpath.schema.json", "utf8")) as Schema;
  const properties = schema.properties ?? {};

  it("has the loader's keys and no others", () => {
    assert.deepEqual(Object.keys(properties), [...projectKeys]);
    assert.deepEqual(Object.keys(properties.call?.properties ?? {}), [...projectCallKeys]);
    assert.equal(schema.additionalProperties, false);
    assert.equal(properties.call?.additionalProperties, false);
    assert.deepEqual(properties.call?.required, ["method"]);
  });

  it("has the loader's patterns and bounds", () => {
    assert.equal(properties.service?.pattern, SERVICE_PATTERN);
    assert.equal(properties.call?.properties?.method?.pattern, METHOD_PATTERN);
    const { minimum: min, maximum: max } = properties.instances ?? {};
    assert.deepEqual({ min, max }, { ...INSTANCES });
  });

  for (const [key, { examples = [] }] of Object.entries(properties)) {
    it(`has an example of ${key} that the loader takes, as JSON too`, () => {
      assert.ok(examples.length > 0);
      for (const example of examples) {
        const { project, problems } = loadProject("f", JSON.stringify({ [key]: example }));
        assert.deepEqual(problems, []);
        assert.deepEqual(project?.[key as keyof typeof project], example);
      }
    });
  }
});

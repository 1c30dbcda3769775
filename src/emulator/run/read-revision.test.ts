import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import { readRevision } from "./read-revision.ts";

const name = "projects/p/locations/us-central1/services/echo";

const ports = [{ name: "h2c", containerPort: 8080 }];

function read(service: MessageInitShape<typeof ServiceSchema>) {
  return readRevision(name, create(ServiceSchema, service), "echo-00001-abc");
}

describe("readRevision", () => {
  it("fills in Cloud Run's defaults", () => {
    const spec = read({ template: { containers: [{ command: ["node main.ts"], ports }] } });
    assert.deepEqual(spec, {
      service: "echo",
      serviceName: name,
      revision: "echo-00001-abc",
      command: "node main.ts",
      workingDir: "",
      env: {},
      serviceAccount: "",
      minInstances: 0,
      maxInstances: 10,
      concurrency: 80,
      timeoutMs: 300_000,
      startupMs: 240_000,
    });
  });

  it("reads what the template says", () => {
    const spec = read({
      template: {
        timeout: { seconds: 2n, nanos: 500_000_000 },
        serviceAccount: "server@p.iam.gserviceaccount.com",
        maxInstanceRequestConcurrency: 7,
        scaling: { minInstanceCount: 3, maxInstanceCount: 3 },
        containers: [
          {
            command: ["node main.ts --listen :$PORT"],
            args: ["--name", "Ada's"],
            workingDir: "/srv",
            env: [{ name: "MODE", values: { case: "value", value: "test" } }],
            ports: [{ name: "h2c", containerPort: 8080 }],
            startupProbe: { periodSeconds: 2, failureThreshold: 4, initialDelaySeconds: 1 },
          },
        ],
      },
    });
    assert.partialDeepStrictEqual(spec, {
      command: "node main.ts --listen :$PORT '--name' 'Ada'\\''s'",
      workingDir: "/srv",
      env: { MODE: "test" },
      serviceAccount: "server@p.iam.gserviceaccount.com",
      minInstances: 3,
      maxInstances: 3,
      concurrency: 7,
      timeoutMs: 2500,
      startupMs: 9000,
    });
  });

  it("takes the stricter of the service's and the template's scaling", () => {
    const spec = read({
      scaling: { minInstanceCount: 2, maxInstanceCount: 5 },
      template: { containers: [{ ports }], scaling: { minInstanceCount: 1, maxInstanceCount: 20 } },
    });
    assert.partialDeepStrictEqual(spec, { minInstances: 2, maxInstances: 5 });
    const manual = read({
      scaling: { manualInstanceCount: 4 },
      template: { containers: [{ ports }] },
    });
    assert.partialDeepStrictEqual(manual, { minInstances: 4, maxInstances: 4 });
  });

  for (const [what, service, words] of [
    ["no container", { template: {} }, /echo: template\.containers is empty/],
    ["sidecars", { template: { containers: [{}, {}] } }, /2 containers: keep the one that listens/],
    [
      "HTTP/1.1 to the container",
      { template: { containers: [{ ports: [{ name: "http1" }] }] } },
      /ports\[0\]\.name is http1: write h2c/,
    ],
    [
      "min above max",
      {
        template: {
          containers: [{ ports }],
          scaling: { minInstanceCount: 3, maxInstanceCount: 2 },
        },
      },
      /at least 3 and at most 2 instances/,
    ],
    [
      "a reserved variable",
      { template: { containers: [{ ports, env: [{ name: "PORT" }] }] } },
      /env PORT is reserved/,
    ],
    [
      "a timeout above an hour",
      { template: { containers: [{ ports }], timeout: { seconds: 3601n } } },
      /template\.timeout \(in ms\) is 3601000: 1 to 3600000 are allowed/,
    ],
    [
      "too much concurrency",
      { template: { containers: [{ ports }], maxInstanceRequestConcurrency: 1001 } },
      /max_instance_request_concurrency is 1001: 1 to 1000/,
    ],
  ] satisfies [string, MessageInitShape<typeof ServiceSchema>, RegExp][]) {
    it(`refuses ${what}, naming the field and what to write`, () => {
      assert.throws(() => read(service), words);
    });
  }
});

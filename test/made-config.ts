import { create, toBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { type LoadedModel, loadGatewayModel } from "../src/config/load-gateway-model.ts";
import type { Route } from "../src/config/model.ts";
import { printProblem } from "../src/config/problem.ts";

function method(name: string, clientStreaming: boolean, serverStreaming: boolean) {
  const types = { inputType: ".acme.v1.Empty", outputType: ".acme.v1.Empty" };
  return create(MethodDescriptorProtoSchema, { name, ...types, clientStreaming, serverStreaming });
}

/** acme.v1.Four with a method of each kind, acme.v1.Other with one, acme.v1.Hidden and gRPC health that configs do not list unless asked. */
export const madeImage = toBinary(
  FileDescriptorSetSchema,
  create(FileDescriptorSetSchema, {
    file: [
      create(FileDescriptorProtoSchema, {
        name: "acme/v1/four.proto",
        package: "acme.v1",
        syntax: "proto3",
        messageType: [{ name: "Empty" }],
        service: [
          {
            name: "Four",
            method: [
              method("Unary", false, false),
              method("Upload", true, false),
              method("Watch", false, true),
              method("Chat", true, true),
            ],
          },
          { name: "Other", method: [method("Unary", false, false)] },
          { name: "Hidden", method: [method("Unary", false, false)] },
        ],
      }),
      create(FileDescriptorProtoSchema, {
        name: "grpc/health/v1/health.proto",
        package: "grpc.health.v1",
        syntax: "proto3",
        dependency: ["acme/v1/four.proto"],
        service: [
          {
            name: "Health",
            method: ["Check", "List", "Watch"].map((name) => method(name, false, name === "Watch")),
          },
        ],
      }),
    ],
  }),
);

/** The parts of a config, each as YAML text that a test may replace; "" leaves one out. */
const parts = {
  head: "type: google.api.Service\nconfig_version: 3\nname: four.apigateway.acme.cloud.goog\ntitle: Four",
  apis: "apis: [{ name: acme.v1.Four }, { name: acme.v1.Other }]",
  usage: 'usage: { rules: [{ selector: "*", allow_unregistered_calls: true }] }',
  backend: 'backend: { rules: [{ selector: "*", address: grpcs://backend.example }] }',
  authentication: `authentication:
  providers:
    - { id: acme, issuer: https://acme.example, audiences: acme-aud, jwks_uri: https://acme.example/keys }
    - { id: other, issuer: https://other.example, jwks_uri: http://other.example/keys }
  rules: [{ selector: "*", requirements: [{ provider_id: acme }] }]`,
  tail: "",
};

export type ConfigParts = Partial<typeof parts>;

export function configText(changed: ConfigParts = {}): string {
  return `${Object.values({ ...parts, ...changed }).join("\n")}\n`;
}

/** Load a config that is right but for what the test changes. */
export function loadConfig(changed: ConfigParts = {}, backend?: string): LoadedModel {
  return loadGatewayModel({
    file: "api.yaml",
    text: configText(changed),
    image: madeImage,
    imageFile: "image.binpb",
    values: {},
    ...(backend !== undefined && { backend }),
  });
}

/** Its problems, as a user reads them. */
export function problemsOf(changed: ConfigParts): readonly string[] {
  return loadConfig(changed).problems.map(printProblem);
}

/** Its problems as "severity code path". */
export function faultsOf(changed: ConfigParts): readonly string[] {
  return loadConfig(changed).problems.map(
    ({ severity, code, path }) => `${severity} ${code} ${path}`,
  );
}

/** One route of a config that has no error; fails with its problems otherwise. */
export function routeOf(changed: ConfigParts, selector = "acme.v1.Four.Unary"): Route {
  const { model, problems } = loadConfig(changed);
  if (model === undefined) throw new Error(problems.map(printProblem).join("\n"));
  for (const route of model.routes.values()) if (route.selector === selector) return route;
  throw new Error(`no route ${selector}`);
}

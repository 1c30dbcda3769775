import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  EmptySchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_empty,
} from "@bufbuild/protobuf/wkt";
import { loadGatewayModel } from "../../src/config/load-gateway-model.ts";
import type { GatewayModel, MethodKind } from "../../src/config/model.ts";

/** A service by its methods' names and kinds: all that a gateway knows of it, whatever its messages are. */
export interface OpenService {
  /** connectrpc.conformance.v1.ConformanceService */
  readonly name: string;
  readonly methods: Readonly<Record<string, MethodKind>>;
}

/** Seconds: the longest that a suite lets a call take or be silent, and more. */
const DEADLINE_S = 120;

/**
 * The model of a gateway that anybody may call, in front of one backend: what another project's suite needs, through
 * the same loader as a user's config.
 *
 * @param address as `backend.rules[].address`: grpc://127.0.0.1:8080
 */
export function openModel(services: readonly OpenService[], address: string): GatewayModel {
  const config = {
    type: "google.api.Service",
    config_version: 3,
    name: "suite.apigateway.test.cloud.goog",
    title: "A suite's service, open to all",
    apis: services.map(({ name }) => ({ name })),
    usage: { rules: [{ selector: "*", allow_unregistered_calls: true }] },
    backend: { rules: [{ selector: "*", address, disable_auth: true, deadline: DEADLINE_S }] },
  };
  const { model, problems } = loadGatewayModel({
    file: "suite.json",
    text: JSON.stringify(config),
    image: imageOf(services),
    imageFile: "suite.pb",
    values: {},
  });
  assert.ok(model !== undefined, JSON.stringify(problems));
  return model;
}

function imageOf(services: readonly OpenService[]): Uint8Array {
  const file = [file_google_protobuf_empty.proto, ...services.map(fileOf)];
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
}

function fileOf({ name, methods }: OpenService) {
  const dot = name.lastIndexOf(".");
  const type = `.${EmptySchema.typeName}`;
  const method = Object.entries(methods).map(([method, kind]) => ({
    name: method,
    inputType: type,
    outputType: type,
    clientStreaming: kind === "client_streaming" || kind === "bidi_streaming",
    serverStreaming: kind === "server_streaming" || kind === "bidi_streaming",
  }));
  return create(FileDescriptorProtoSchema, {
    name: `${name}.proto`,
    syntax: "proto3",
    package: name.slice(0, dot),
    dependency: [file_google_protobuf_empty.proto.name],
    service: [{ name: name.slice(dot + 1), method }],
  });
}

import { join, resolve } from "node:path";
import process from "node:process";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { Running } from "../processes.ts";
import { backendAudience, callerAudience, type Surroundings, writeIn } from "../surroundings.ts";
import type { Target } from "./target.ts";

export interface CallpathOptions {
  readonly engine: "callpath" | "node";
  readonly tls: boolean;
  /** Let the inspector look at it: memory after a collection, profiles. */
  readonly inspect?: boolean;
}

/** `callpath gateway`, with the flags its users give it. */
export async function startCallpath(
  around: Surroundings,
  { engine, tls, inspect = false }: CallpathOptions,
): Promise<Target & { readonly inspectorUrl: string | undefined }> {
  const { folder, cores, metadataHost } = around;
  const args = [
    ...(inspect ? ["--inspect=127.0.0.1:0"] : []),
    program,
    "gateway",
    ...["--config", writeIn(folder, "api_config.yaml", configText(around))],
    ...["--image", writeIn(folder, "descriptor.pb", image())],
    ...["--listen", "127.0.0.1:0"],
    ...["--identity", "metadata"],
    ...["--engine", engine],
    ...(tls ? ["--tls-cert", around.certFile, "--tls-key", around.keyFile] : []),
  ];
  const name = engine === "node" ? "callpath-node" : "callpath";
  const running = new Running(name, process.execPath, args, {
    core: cores.target,
    cwd: folder,
    env: { GCE_METADATA_HOST: metadataHost, NODE_EXTRA_CA_CERTS: around.caFile },
  });
  try {
    const inspectorUrl = inspect ? (await running.says(/ws:\S+/))[0] : undefined;
    const [, port] = await running.says(/^listening on http\S+:(\d+)/m);
    return {
      name,
      tls,
      port: Number(port),
      process: running,
      inspectorUrl,
      [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
    };
  } catch (cause) {
    await running[Symbol.asyncDispose]();
    throw cause;
  }
}

const program = join(resolve(import.meta.dirname, "../.."), "src/cli/callpath.js");

function configText({ backendPort, keysUrl }: Surroundings): string {
  return `type: google.api.Service
config_version: 3
name: echo.apigateway.callpath-local.cloud.goog
apis: [{ name: echo.EchoServer }]
usage:
  rules: [{ selector: "*", allow_unregistered_calls: true }]
backend:
  rules: [{ selector: "*", address: "grpc://127.0.0.1:${backendPort}", jwt_audience: "${backendAudience}" }]
authentication:
  providers:
    - { id: google, issuer: "https://accounts.google.com", audiences: "${callerAudience}", jwks_uri: "${keysUrl}" }
  rules: [{ selector: "*", requirements: [{ provider_id: google }] }]
`;
}

/** The descriptor image of proto/echo, with a method more: nothing in the repository has bidi under that name. */
function image(): Uint8Array {
  const text = (name: string) => ({
    name,
    number: 1,
    type: FieldDescriptorProto_Type.STRING,
    label: FieldDescriptorProto_Label.OPTIONAL,
    jsonName: name,
  });
  const types = { inputType: ".echo.EchoRequest", outputType: ".echo.EchoReply" };
  const set = create(FileDescriptorSetSchema, {
    file: [
      {
        name: "echo/echo.proto",
        package: "echo",
        syntax: "proto3",
        messageType: [
          { name: "EchoRequest", field: [text("name")] },
          { name: "EchoReply", field: [text("message")] },
        ],
        service: [
          {
            name: "EchoServer",
            method: [
              { name: "SayHello", ...types },
              { name: "SayHelloStream", ...types, serverStreaming: true },
              { name: "SayHelloBidi", ...types, serverStreaming: true, clientStreaming: true },
            ],
          },
        ],
      },
    ],
  });
  return toBinary(FileDescriptorSetSchema, set);
}

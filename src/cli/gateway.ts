import type { Command } from "./command.ts";
import { configFlags } from "./flag-sets.ts";

const flags = {
  ...configFlags,
  listen: {
    type: "string",
    value: "HOST:PORT",
    summary: "default 127.0.0.1:8080; port 0 picks a free one",
  },
  backend: {
    type: "string",
    value: "URL",
    summary: "send every RPC here, not to the config's addresses",
  },
  resolve: {
    type: "string",
    value: "HOST:PORT:ADDRESS",
    multiple: true,
    summary: "connect to ADDRESS for that host and port, as in curl",
  },
  identity: {
    type: "string",
    value: "SOURCE",
    summary:
      "whose ID tokens the backend gets: metadata, key:FILE, iam:EMAIL, adc, adc:EMAIL, none; default metadata when a rule needs one",
  },
  "iam-endpoint": {
    type: "string",
    value: "URL",
    summary: "root of IAM Credentials for iam:EMAIL",
  },
  "header-prefix": {
    type: "string",
    value: "P",
    summary: "of generated headers: X-Apigateway- (default) or X-Endpoint-",
  },
  "tls-cert": { type: "string", value: "FILE", summary: "serve TLS with this certificate" },
  "tls-key": { type: "string", value: "FILE", summary: "and this key" },
  ca: {
    type: "string",
    value: "FILE",
    summary: "more root certificates for backends, key servers and token endpoints",
  },
  healthz: { type: "string", value: "PATH", summary: "answer GET PATH with 200" },
  engine: {
    type: "string",
    value: "callpath|node",
    summary: "whose HTTP/2: callpath's own (default) or node:http2",
  },
  workers: {
    type: "string",
    value: "N",
    summary: "processes that share the listener, default 1; a worker that dies is replaced",
  },
  watch: {
    type: "boolean",
    summary: "load config and image again when they change, as SIGHUP does",
  },
  json: { type: "boolean", summary: "one JSON object a line: listening, then each RPC" },
} as const;

export type GatewayFlags = typeof flags;

/** `callpath gateway`: the embedded gateway alone. */
export const gateway: Command<GatewayFlags> = {
  name: "gateway",
  summary: "Run the gateway of an api_config.yaml on this machine",
  operands: "",
  maxOperands: 0,
  flags,
  laterFlags: ["api-keys"],
  longRunning: true,
  examples: [
    "callpath gateway --config api_config.yaml --image image.binpb --listen 127.0.0.1:8080",
    "callpath gateway --backend grpc://127.0.0.1:9000 --identity none",
  ],
  async run(context) {
    const { runGateway } = await import("./gateway/run-gateway.ts");
    return runGateway(context);
  },
};

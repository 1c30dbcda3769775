import type { Command } from "./command.ts";
import { callerFlags } from "./flag-sets.ts";

const flags = {
  ...callerFlags,
  address: {
    type: "string",
    value: "URL",
    summary: "[http://|https://]HOST:PORT; default: the gateway of the running callpath dev",
  },
  header: {
    type: "string",
    value: "'NAME: VALUE'",
    multiple: true,
    short: "H",
    summary: "metadata to send",
  },
  timeout: {
    type: "string",
    value: "5s",
    summary: "deadline of the call; default 30s for unary calls, none for streams",
  },
  servername: {
    type: "string",
    value: "NAME",
    summary: "name the certificate must have, when the address has another",
  },
  cacert: { type: "string", value: "FILE", summary: "root certificates, besides the system's" },
  image: {
    type: "string",
    value: "FILE",
    summary: "descriptor image with imports (callpath.yaml: image)",
  },
  anonymous: { type: "boolean", summary: "send no token" },
  json: { type: "boolean", summary: "JSON only: a failure is an object too" },
} as const;

export type CallFlags = typeof flags;

/** `callpath call`: one RPC, and when it fails: which hop refused it, why, and the fix. */
export const call: Command<CallFlags> = {
  name: "call",
  summary: "Make one RPC with an ID token; when it fails, say which hop refused it and why",
  operands: "[SERVICE/METHOD [JSON|-]]",
  maxOperands: 2,
  flags,
  examples: [
    `callpath call echo.EchoServer/SayHello '{"name":"Ada"}'`,
    `callpath call echo.EchoServer/SayHello '{"name":"Eve"}' --as eve@example.com`,
    "callpath call echo.EchoServer/SayHello --address https://echo-abc-uc.a.run.app --audience https://echo-abc-uc.a.run.app",
  ],
  async run(context) {
    return (await import("./call/run-call.ts")).runCall(context);
  },
};

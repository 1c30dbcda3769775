import type { Command } from "./command.ts";
import { configFlags } from "./flag-sets.ts";

const flags = {
  ...configFlags,
  method: {
    type: "string",
    value: "SERVICE/METHOD",
    summary: "what is called (callpath.yaml: call)",
  },
  token: {
    type: "string",
    value: "FILE|-",
    summary: "the caller's ID token; without it: a call that carries none",
  },
  access: { type: "string", value: "FILE", summary: "who may call what (callpath.yaml: access)" },
  jwks: {
    type: "string",
    value: "URL",
    summary: "where the issuer's keys are, instead of the config's jwks_uri",
  },
  ca: { type: "string", value: "FILE", summary: "more root certificates for that address" },
  state: {
    type: "string",
    value: "DIR",
    summary: "state folder of the running callpath dev; default .callpath",
  },
  json: { type: "boolean", summary: "JSON only" },
} as const;

export type ExplainFlags = typeof flags;

/** `callpath explain`: a call that is not made. */
export const explain: Command<ExplainFlags> = {
  name: "explain",
  summary: "Walk a token and a method through every rule on the way: would the call be let in?",
  operands: "",
  maxOperands: 0,
  flags,
  examples: [
    "callpath explain --method echo.EchoServer/SayHello --token token.txt",
    "callpath token --as eve@example.com | callpath explain --token -",
  ],
  async run(context) {
    return (await import("./explain/run-explain.ts")).runExplain(context);
  },
};

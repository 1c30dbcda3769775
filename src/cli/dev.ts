import { join } from "node:path";
import type { Command } from "./command.ts";
import { configFlags } from "./flag-sets.ts";
import { stateFolder } from "./project-file.ts";

const flags = {
  once: { type: "boolean", summary: "end after the first calls: 0 only if all of them succeeded" },
  ...configFlags,
  server: {
    type: "string",
    value: "COMMAND",
    summary: "what each instance runs instead; it listens on $PORT",
  },
  client: {
    type: "string",
    value: "COMMAND",
    summary: "makes the first calls (callpath.yaml: client)",
  },
  access: {
    type: "string",
    value: "FILE",
    summary: "who may call what: the server's --access (callpath.yaml: access)",
  },
  service: { type: "string", value: "NAME", summary: "name on Cloud Run (callpath.yaml: service)" },
  instances: {
    type: "string",
    value: "N",
    summary: "how many run (callpath.yaml: instances; default 1)",
  },
  watch: {
    type: "string",
    value: "PATH",
    multiple: true,
    summary: "file or folder to react to (callpath.yaml: watch)",
  },
  state: {
    type: "string",
    value: "DIR",
    summary: "keeps certificates and keys; default .callpath",
  },
  "port-base": {
    type: "string",
    value: "N",
    summary: "gateway at N, Cloud Run at N+1, the rest after them",
  },
  json: { type: "boolean", summary: "one JSON object a line: ready, then each call" },
} as const;

export type DevFlags = typeof flags;

/** `callpath dev`: what `npm start` runs. */
export const dev: Command<DevFlags> = {
  name: "dev",
  summary:
    "Run everything on this machine: client, gateway, Cloud Run, instances; live at each save",
  operands: "",
  maxOperands: 0,
  flags,
  longRunning: true,
  examples: [
    "callpath dev",
    "callpath dev --once",
    "callpath dev --server 'go run ./server --grpcport :$PORT'",
  ],
  async run(context) {
    const { flags, cwd, env } = context;
    // Most of the time to the first reply is compiling: five programs, the same files at each start.
    const cache = env.NODE_COMPILE_CACHE ?? join(stateFolder(flags.state, cwd), "compile-cache");
    context.keepCompiled(cache);
    const { runDev } = await import("./dev/run-dev.ts");
    return runDev({ ...context, env: { ...env, NODE_COMPILE_CACHE: cache } });
  },
};

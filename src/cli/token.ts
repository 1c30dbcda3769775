import { type Command, UsageError } from "./command.ts";
import { callerFlags } from "./flag-sets.ts";

const flags = {
  ...callerFlags,
  show: { type: "boolean", summary: "print the token though stdout is a terminal" },
  jwks: { type: "string", value: "URL", summary: "inspect: where the issuer's keys are" },
  ca: {
    type: "string",
    value: "FILE",
    summary: "inspect: more root certificates for that address",
  },
  json: { type: "boolean", summary: "JSON only" },
} as const;

export type TokenFlags = typeof flags;

/** `callpath token`: mint one, or read one. */
export const token: Command<TokenFlags> = {
  name: "token",
  summary: "Mint an ID token for an audience, or read one",
  operands: "[inspect FILE|-]",
  maxOperands: 2,
  flags,
  laterFlags: ["keep"],
  examples: [
    "callpath token --audience grpcs://grpc-gateway-1 | callpath token inspect -",
    "callpath token --audience grpcs://grpc-gateway-1 --as eve@example.com > token.txt",
  ],
  async run(context) {
    const [what, file] = context.operands;
    if (what === undefined) return (await import("./token/mint-token.ts")).mintToken(context);
    if (what !== "inspect") throw new UsageError(`unexpected argument ${what}`);
    if (file === undefined) throw new UsageError("inspect needs FILE, or - for standard input");
    return (await import("./token/inspect-token.ts")).inspectToken(context, file);
  },
};

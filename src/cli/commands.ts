import { call } from "./call.ts";
import type { Command } from "./command.ts";
import { dev } from "./dev.ts";
import { explain } from "./explain.ts";
import { gateway } from "./gateway.ts";
import { token } from "./token.ts";

/** What this release has, in the order of `--help`. */
export const commands: readonly Command[] = [dev, call, explain, token, gateway];

/** Commands of the contract that no release has: refused as "not available yet", and not in `--help`. */
export const laterCommands: readonly string[] = [
  "check",
  "envoy",
  "deploy",
  "plan",
  "destroy",
  "status",
  "rollback",
  "doctor",
  "env",
  "export",
  "init",
  "completion",
];

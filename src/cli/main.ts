import { readFileSync } from "node:fs";
import process from "node:process";
import { commands, laterCommands } from "./commands.ts";
import { processWorld } from "./process-world.ts";
import { runProgram } from "./program.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };

const code = await runProgram(
  { version, commands, laterCommands },
  process.argv.slice(2),
  processWorld(),
);
// Nothing a command forgot may keep the process; what it wrote must have left.
process.stdout.write("", () => process.exit(code));

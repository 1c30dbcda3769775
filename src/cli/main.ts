import { readFileSync } from "node:fs";
import process from "node:process";
import { whenWritten } from "./process-output.ts";
import { processWorld } from "./process-world.ts";

// Signals count from here on, before the rest is loaded.
const world = processWorld();
const [{ commands, laterCommands }, { runProgram }] = await Promise.all([
  import("./commands.ts"),
  import("./program.ts"),
]);
const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };
const code = await runProgram({ version, commands, laterCommands }, process.argv.slice(2), world);
// Nothing a command forgot may keep the process; what it wrote must have left, unless nobody reads it.
await whenWritten(process.stdout, 1000);
process.exit(code);

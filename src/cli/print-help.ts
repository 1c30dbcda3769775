import type { Command } from "./command.ts";
import type { Program } from "./program.ts";

/** `callpath --help`: the commands this release has. */
export function printProgramHelp({ commands }: Program): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`);
  return [
    "usage: callpath COMMAND [FLAGS]",
    "",
    "A typed gRPC service behind API Gateway: run it and see why a call was refused.",
    "",
    ...lines,
    "",
    "callpath COMMAND --help shows a command's flags.",
    "",
  ].join("\n");
}

/** `callpath COMMAND --help`. */
export function printCommandHelp(command: Command): string {
  const rows: [string, string][] = Object.entries(command.flags).map(([name, spec]) => {
    const short = spec.short === undefined ? "" : `-${spec.short}, `;
    return [`${short}--${name}${spec.type === "string" ? ` ${spec.value}` : ""}`, spec.summary];
  });
  rows.push(["-h, --help", "show this"]);
  const width = Math.max(...rows.map(([flag]) => flag.length));
  const examples = command.examples ?? [];
  return [
    usageLine(command),
    "",
    command.summary,
    "",
    ...rows.map(([flag, summary]) => `  ${flag.padEnd(width)}   ${summary}`),
    "",
    ...(examples.length > 0 ? ["examples:", ...examples.map((line) => `  ${line}`), ""] : []),
  ].join("\n");
}

export function usageLine({ name, operands }: Command): string {
  return `usage: callpath ${name}${operands === "" ? "" : ` ${operands}`} [FLAGS]   (callpath ${name} --help)`;
}

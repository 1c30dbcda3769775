import { parseArgs } from "node:util";
import { type Command, type FlagSpecs, type FlagValues, UsageError } from "./command.ts";

export type ParsedFlags =
  | { readonly kind: "help" }
  | {
      readonly kind: "run";
      readonly flags: FlagValues<FlagSpecs>;
      readonly operands: readonly string[];
    };

/** Read a command's arguments. Throws UsageError. */
export function parseFlags(command: Command, args: readonly string[]): ParsedFlags {
  refuseLaterFlags(command, args);
  const { values, positionals } = parse(command, args);
  if (values.help === true) return { kind: "help" };
  if (positionals.length > command.maxOperands)
    throw new UsageError(`unexpected argument ${positionals[command.maxOperands]}`);
  const flags = Object.fromEntries(
    Object.entries(command.flags).map(([name, spec]) => {
      const empty = spec.type === "boolean" ? false : spec.multiple ? [] : undefined;
      return [name, values[name] ?? empty];
    }),
  ) as FlagValues<FlagSpecs>;
  return { kind: "run", flags, operands: positionals };
}

function refuseLaterFlags({ laterFlags = [] }: Command, args: readonly string[]): void {
  const { tokens } = parseArgs({ args: [...args], strict: false, tokens: true });
  for (const token of tokens)
    if (token.kind === "option" && laterFlags.includes(token.name))
      throw new UsageError(`--${token.name} is not available yet`);
}

function parse(command: Command, args: readonly string[]) {
  const options: Record<
    string,
    { type: "boolean" | "string"; multiple?: boolean; short?: string }
  > = { help: { type: "boolean", short: "h" } };
  for (const [name, spec] of Object.entries(command.flags))
    options[name] = {
      type: spec.type,
      ...(spec.type === "string" && spec.multiple ? { multiple: true } : {}),
      ...(spec.short === undefined ? {} : { short: spec.short }),
    };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw asUsageError(error);
  }
}

/** parseArgs' errors in fewer words; anything else is a bug and stays what it is. */
function asUsageError(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const flag = /'(--?[^ ']+)/.exec(error.message)?.[1] ?? "a flag";
  if (error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") return new UsageError(`unknown flag ${flag}`);
  if (error.code !== "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") return error;
  if (error.message.includes("ambiguous"))
    return new UsageError(`${flag} needs a value; one that starts with a dash is ${flag}=-VALUE`);
  if (error.message.includes("does not take"))
    return new UsageError(`${flag} does not take a value`);
  return new UsageError(`${flag} needs a value`);
}

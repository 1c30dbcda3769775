import {
  type Command,
  type Context,
  FailedError,
  type FlagSpecs,
  type FlagValues,
  INTERRUPTED,
  InputError,
  REFUSED,
  UNUSABLE,
  UsageError,
  type World,
} from "./command.ts";
import { parseFlags } from "./parse-flags.ts";
import { printCommandHelp, printProgramHelp, usageLine } from "./print-help.ts";

/** What the program consists of. */
export interface Program {
  readonly version: string;
  readonly commands: readonly Command[];
  /** Names that are refused as "not available yet". */
  readonly laterCommands: readonly string[];
}

/** How long an interrupted command may take to let go of what it holds, in milliseconds. */
const INTERRUPT_GRACE_MS = 1000;

/** Run `callpath argv...` and resolve with the exit code. Rejects with nothing but a bug of ours. */
export async function runProgram(
  program: Program,
  argv: readonly string[],
  world: World,
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined) {
    world.stderr.write(printProgramHelp(program));
    return UNUSABLE;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    world.stdout.write(printProgramHelp(program));
    return 0;
  }
  if (name === "--version") {
    world.stdout.write(`callpath ${program.version}\n`);
    return 0;
  }
  if (program.laterCommands.includes(name)) {
    world.stderr.write(`callpath ${name}: not available yet\n`);
    return UNUSABLE;
  }
  const command = program.commands.find((one) => one.name === name);
  if (command === undefined) {
    const what = name.startsWith("-") ? "flag" : "command";
    world.stderr.write(`callpath: unknown ${what} ${name}\n${printProgramHelp(program)}`);
    return UNUSABLE;
  }
  return runCommand(command, rest, world);
}

async function runCommand(command: Command, args: string[], world: World): Promise<number> {
  try {
    const parsed = parseFlags(command, args);
    if (parsed.kind === "help") {
      world.stdout.write(printCommandHelp(command));
      return 0;
    }
    const context = contextOf(world, parsed.flags, parsed.operands);
    if (command.longRunning) return await command.run(context);
    return await untilInterrupted(command.run(context), world.signal);
  } catch (error) {
    return answer(error, command, world);
  }
}

function contextOf<F extends FlagSpecs>(
  world: World,
  flags: FlagValues<F>,
  operands: readonly string[],
): Context<F> {
  return {
    ...world,
    flags,
    operands,
    print: (line) => world.stdout.write(`${line}\n`),
    note: (line) => world.stderr.write(`${line}\n`),
  };
}

/** The command's code, or 130 when a signal came first and the command had its moment to clean up. */
async function untilInterrupted(running: Promise<number>, signal: AbortSignal): Promise<number> {
  if (signal.aborted) return INTERRUPTED;
  const interrupted = Promise.withResolvers<number>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => interrupted.resolve(INTERRUPTED), INTERRUPT_GRACE_MS);
    running.then(
      () => interrupted.resolve(INTERRUPTED),
      () => interrupted.resolve(INTERRUPTED),
    );
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const code = await Promise.race([
      running.catch((error: unknown) => (signal.aborted ? INTERRUPTED : Promise.reject(error))),
      interrupted.promise,
    ]);
    return signal.aborted ? INTERRUPTED : code;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

function answer(error: unknown, command: Command, { stderr }: World): number {
  if (error instanceof UsageError) {
    stderr.write(`callpath ${command.name}: ${error.message}\n${usageLine(command)}\n`);
    return UNUSABLE;
  }
  if (error instanceof InputError || error instanceof FailedError) {
    stderr.write(`callpath ${command.name}: ${error.message}\n`);
    return error instanceof InputError ? UNUSABLE : REFUSED;
  }
  throw error;
}

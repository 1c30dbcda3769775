import type { Readable } from "node:stream";

/** One flag of a command, as `--help` shows it. */
export type FlagSpec =
  | { readonly type: "boolean"; readonly summary: string; readonly short?: string }
  | {
      readonly type: "string";
      readonly summary: string;
      /** What stands for the value in usage: FILE, HOST:PORT. */
      readonly value: string;
      readonly short?: string;
      readonly multiple?: boolean;
    };

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** What was given on the command line: no defaults, those are the command's. */
export type FlagValues<F extends FlagSpecs> = {
  readonly [K in keyof F]: F[K] extends { type: "boolean" }
    ? boolean
    : F[K] extends { multiple: true }
      ? readonly string[]
      : string | undefined;
};

/** Where text goes. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Width of the terminal in characters; 80 where there is none. */
  readonly columns: number;
}

/** What a program is given by the operating system: `main.ts` makes the real one, tests a small one. */
export interface World {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted by the first SIGINT or SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
  /** Called at each SIGHUP. */
  onHangup(listener: () => void): Disposable;
  /** Called, synchronously, when the process ends without the time to dispose: to kill children. */
  onAbruptEnd(listener: () => void): Disposable;
  /**
   * From now on the program outlives its output: what cannot be written (a full disk, a reader that is gone or does not
   * read) is dropped, and told here in a line, once until it can be written again. Without it, a reader that is gone
   * ends the program.
   */
  onLostOutput(listener: (words: string) => void): Disposable;
  /** From now on, keep this program's compiled code in that folder, for its next start. */
  keepCompiled(folder: string): void;
  readonly nowMs: () => number;
}

/** What a command touches, and nothing else. */
export interface Context<F extends FlagSpecs = FlagSpecs> extends World {
  readonly flags: FlagValues<F>;
  readonly operands: readonly string[];
  /** One line of the result, to stdout. */
  print(line: string): void;
  /** One line of progress or diagnostics, to stderr. */
  note(line: string): void;
}

/** `callpath <name>`: a plain object, found by `commands.ts`. Heavy modules are imported inside `run`. */
export interface Command<F extends FlagSpecs = FlagSpecs> {
  readonly name: string;
  readonly summary: string;
  /** What follows the name in usage, e.g. `SERVICE/METHOD [JSON]`; "" for none. */
  readonly operands: string;
  readonly maxOperands: number;
  readonly flags: F;
  /** Flags of the contract that this release does not have: refused as "not available yet". */
  readonly laterFlags?: readonly string[];
  readonly examples?: readonly string[];
  /** Ends with its own code on SIGTERM or Ctrl-C; any other command is interrupted: 130. */
  readonly longRunning?: boolean;
  /** Resolves with the exit code. Throws UsageError or InputError for 2. */
  run(context: Context<F>): Promise<number>;
}

export const DONE = 0;
export const REFUSED = 1;
export const UNUSABLE = 2;
export const INTERRUPTED = 130;

/** The command line is wrong: message and usage on stderr, exit 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What was named cannot be used (missing file, invalid config, port in use): the message on stderr, exit 2. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** The command ran and the answer is no: the message on stderr, exit 1. */
export class FailedError extends Error {
  override readonly name = "FailedError";
}

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Who runs where: the target alone on one core, load and backend together on another. */
export interface Cores {
  /** undefined: not pinned. */
  readonly target: number | undefined;
  readonly load: number | undefined;
  /** What a reader of the figures must know. */
  readonly note: string | undefined;
}

/** @param path as $PATH, where taskset is looked for */
export function chooseCores(count: number, path: string): Cores {
  const none = { target: undefined, load: undefined };
  if (count < 2) return { ...none, note: "one core only: target and load share it" };
  if (!path.split(delimiter).some((folder) => existsSync(join(folder, "taskset"))))
    return { ...none, note: "no taskset here: nothing is pinned to a core" };
  return { target: 0, load: 1, note: undefined };
}

/** A command line that runs on that core. */
export function pinned(
  core: number | undefined,
  command: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  if (core === undefined) return { command, args };
  return { command: "taskset", args: ["-c", String(core), command, ...args] };
}

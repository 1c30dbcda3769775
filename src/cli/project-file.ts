import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** `callpath.yaml` in this folder or the nearest one above. Reads nothing. */
export function findProjectFile(cwd: string): string | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = join(folder, "callpath.yaml");
    if (existsSync(file)) return file;
    if (dirname(folder) === folder) return undefined;
  }
}

/** Where `callpath dev` keeps what it made: `--state`, or `.callpath` beside callpath.yaml. */
export function stateFolder(flag: string | undefined, cwd: string): string {
  if (flag !== undefined) return resolve(cwd, flag);
  const file = findProjectFile(cwd);
  return join(file === undefined ? cwd : dirname(file), ".callpath");
}

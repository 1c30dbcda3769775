import { readFileSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { printProblem } from "../config/problem.ts";
import { loadProject, type Project } from "../config/project.ts";
import { InputError } from "./command.ts";
import { findProjectFile } from "./project-file.ts";

/** `callpath.yaml` and where it stands. Paths in it are relative to its folder. */
export interface FoundProject {
  readonly file: string;
  readonly folder: string;
  readonly project: Project;
}

/**
 * The `callpath.yaml` in this folder or the nearest one above; undefined without one. Throws InputError with every
 * problem when it is not right.
 */
export function findProject(cwd: string): FoundProject | undefined {
  const file = findProjectFile(cwd);
  return file === undefined ? undefined : readProject(file, cwd);
}

function readProject(file: string, cwd: string): FoundProject {
  const { project, problems } = loadProject(shownPath(file, cwd), readText(file, cwd));
  if (project === undefined) throw new InputError(problems.map(printProblem).join("\n"));
  return { file, folder: dirname(file), project };
}

/** A path as its reader would type it: relative where it is below this folder. */
export function shownPath(path: string, cwd: string): string {
  const below = relative(cwd, path);
  return below !== "" && !below.startsWith("..") && !isAbsolute(below) ? below : path;
}

/** A file the user named. Throws InputError that says which, and why not. */
export function readBytes(file: string, cwd: string): Uint8Array {
  try {
    return readFileSync(resolve(cwd, file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT"
        ? "no such file"
        : code === "EISDIR"
          ? "it is a folder"
          : `cannot be read (${code})`;
    throw new InputError(`${shownPath(resolve(cwd, file), cwd)}: ${why}`);
  }
}

export function readText(file: string, cwd: string): string {
  return Buffer.from(readBytes(file, cwd)).toString("utf8");
}

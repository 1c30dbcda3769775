import { randomBytes } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import process from "node:process";

/** Write a file that only its owner reads (0600): readers see the old or the new text, never half of one. */
export function writePrivateFile(file: string, text: string): void {
  replaceWith(file, text, 0o600, renameSync);
}

/** The same for a file that anybody may read. */
export function writePublicFile(file: string, text: string): void {
  replaceWith(file, text, 0o644, renameSync);
}

/** Create a private file unless there is one. False: somebody was first, and theirs stands. */
export function createPrivateFile(file: string, text: string): boolean {
  try {
    replaceWith(file, text, 0o600, linkOrCopy);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

/** The file's text; undefined when there is none. Throws on any other trouble. */
export function readFileIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Take away what others may do with a secret's file. True when there was something to take away. */
export function closeToOthers(file: string): boolean {
  if ((statSync(file).mode & 0o077) === 0 || !hasModes()) return false;
  chmodSync(file, 0o600);
  return true;
}

/** Keep a file that cannot be used, under another name in the same folder; returns that name. */
export function setAside(file: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[:.]/g, "-");
  const aside = `${file}.unusable-${stamp}-${randomBytes(2).toString("hex")}`;
  renameSync(file, aside);
  return aside;
}

function replaceWith(
  file: string,
  text: string,
  mode: number,
  place: (from: string, to: string) => void,
): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeFileSync(draft, text, { mode, flag: "wx" });
    place(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Fails when `to` exists. Not every file system has hard links. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (isErrno(error, "EEXIST")) throw error;
    copyFileSync(from, to, constants.COPYFILE_EXCL);
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Windows has no group and others to keep out. */
function hasModes(): boolean {
  return process.platform !== "win32";
}

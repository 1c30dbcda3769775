import { createHash } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface WatchOptions {
  /** Files and folders (with all below them), absolute. One that does not exist yet is waited for. */
  readonly paths: readonly string[];
  /** Quiet time after the last event before the files are looked at. Default 100 ms. */
  readonly settleMs?: number;
  /** Files whose content changed, appeared or went, absolute, sorted. Never called twice at once: the next waits. */
  readonly onChange: (files: readonly string[]) => Promise<void> | void;
  /** Where a failing look is said. */
  readonly onError: (error: Error) => void;
}

/**
 * Tell what changed on disk. Events only wake it up: what changed is found by comparing content, so that an editor's
 * write-and-rename, a touch, a half-written file and a folder that is replaced all end in the right answer.
 */
export async function watchFiles(options: WatchOptions): Promise<AsyncDisposable> {
  const watcher = new TreeWatcher(options);
  await watcher.start();
  return watcher;
}

const SETTLE_MS = 100;
/** A folder with more files than this is not watched whole: it is a wrong folder, node_modules or a disk. */
const MAX_FILES = 10_000;
const skippedFolders = new Set(["node_modules", ".git", ".callpath"]);

class TreeWatcher implements AsyncDisposable {
  readonly #options: WatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #seen = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#seen = await this.#look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#looking;
  }

  #wake(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#compare(), this.#options.settleMs ?? SETTLE_MS);
  }

  #compare(): void {
    if (this.#looking !== undefined) {
      this.#again = true;
      return;
    }
    this.#looking = this.#report()
      .catch((error: unknown) => this.#options.onError(asError(error)))
      .finally(() => {
        this.#looking = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#wake();
      });
  }

  async #report(): Promise<void> {
    const now = await this.#look();
    const before = this.#seen;
    this.#seen = now;
    const files = new Set([...before.keys(), ...now.keys()]);
    const changed = [...files].filter((file) => before.get(file) !== now.get(file)).sort();
    if (changed.length > 0 && !this.#closed) await this.#options.onChange(changed);
  }

  /** Every file's content hash, and a watcher on every folder that holds one. */
  async #look(): Promise<Map<string, string>> {
    const folders = new Set<string>();
    const files = new Map<string, string>();
    for (const path of this.#options.paths) await collect(path, folders, files);
    for (const [folder, watcher] of this.#watchers)
      if (!folders.has(folder)) {
        watcher.close();
        this.#watchers.delete(folder);
      }
    const isNew = [...folders].map((folder) => this.#watchFolder(folder));
    // What changed between reading and watching made no event: look once more.
    if (isNew.includes(true)) this.#wake();
    return files;
  }

  /** True when it was not watched before. */
  #watchFolder(folder: string): boolean {
    if (this.#closed || this.#watchers.has(folder)) return false;
    try {
      const watcher = watch(folder, () => this.#wake());
      // The folder itself went away: the next look finds out what is there instead.
      watcher.on("error", () => {
        watcher.close();
        this.#watchers.delete(folder);
        this.#wake();
      });
      this.#watchers.set(folder, watcher);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return false;
    }
  }
}

async function collect(
  path: string,
  folders: Set<string>,
  files: Map<string, string>,
): Promise<void> {
  const parent = await nearestFolder(dirname(path));
  if (parent !== undefined) folders.add(parent);
  const kind = await stat(path).catch(ignoreMissing);
  if (kind === undefined) return;
  if (!kind.isDirectory()) {
    await hash(path, files);
    return;
  }
  folders.add(path);
  for (const entry of (await readdir(path, { withFileTypes: true, recursive: false }).catch(
    ignoreMissing,
  )) ?? []) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) {
      if (!skippedFolders.has(entry.name)) await collect(below, folders, files);
    } else if (entry.isFile() || entry.isSymbolicLink()) await hash(below, files);
  }
}

async function hash(file: string, files: Map<string, string>): Promise<void> {
  if (files.size >= MAX_FILES)
    throw new Error(`more than ${MAX_FILES} files to watch; name smaller folders under watch:`);
  const content = await readFile(file).catch(ignoreMissing);
  if (content !== undefined) files.set(file, createHash("sha256").update(content).digest("base64"));
}

async function nearestFolder(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    if ((await stat(at).catch(ignoreMissing))?.isDirectory()) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** Files come and go between two looks. A symbolic link to a folder reads as EISDIR. */
function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (["ENOENT", "ENOTDIR", "EISDIR"].includes(error.code ?? "")) return undefined;
  throw error;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, delimiter, join, resolve } from "node:path";
import type { PeerSource } from "./peers.ts";
import { runInstaller } from "./run-installer.ts";

/** Where peers lie and are looked for, and where to say what is being installed. */
export interface PeerCache {
  readonly folder: string;
  /** As $PATH. */
  readonly path: string;
  /** Debian packages may be installed. */
  readonly isRoot: boolean;
  readonly say: (line: string) => void;
}

/**
 * The program file of one peer, installed when it is not there. Each version has a path of its own and is moved there
 * whole: a pin that changes installs anew, and two processes at once do the work twice, never half.
 */
export async function installPeer(
  name: string,
  source: PeerSource,
  cache: PeerCache,
): Promise<string> {
  switch (source.kind) {
    case "go":
      return installGo(name, source, cache);
    case "go-source":
      return buildGo(name, source, cache);
    case "pip":
      return installWheel(name, source, cache);
    case "python":
      return installPackages(name, source, cache);
    case "npm":
      return installPackage(name, source, cache);
    case "debian":
      return findOnPath(name, source, cache);
  }
}

type Of<K extends PeerSource["kind"]> = Extract<PeerSource, { kind: K }>;

async function installGo(name: string, source: Of<"go">, cache: PeerCache): Promise<string> {
  const file = join(cache.folder, "bin", `${name}@${source.version}`);
  if (existsSync(file)) return file;
  cache.say(`peers: installing ${name} ${source.version} (once, into ${cache.folder})`);
  using temp = tempFolder(cache);
  const wanted = `${source.package}@${source.version}`;
  await runInstaller(name, "go", ["install", wanted], { GOBIN: temp.folder });
  return moveTo(file, join(temp.folder, basename(source.package)));
}

async function buildGo(name: string, source: Of<"go-source">, cache: PeerCache): Promise<string> {
  const cwd = resolve(import.meta.dirname, "../..", source.folder);
  const file = join(cache.folder, "bin", `${name}@${hashOf(cwd)}`);
  if (existsSync(file)) return file;
  cache.say(`peers: building ${name} from ${source.folder} (once, into ${cache.folder})`);
  using temp = tempFolder(cache);
  const built = join(temp.folder, name);
  const args = ["build", "-buildvcs=false", "-o", built, source.package];
  await runInstaller(name, "go", args, {}, cwd);
  return moveTo(file, built);
}

async function installWheel(name: string, source: Of<"pip">, cache: PeerCache): Promise<string> {
  const folder = join(cache.folder, "py", `${source.project}@${source.version}`);
  const file = join(folder, source.path);
  if (existsSync(file)) return file;
  cache.say(`peers: installing ${name} ${source.version} (once, into ${cache.folder})`);
  using temp = tempFolder(cache);
  await pipInstall(name, temp.folder, ["--no-deps", `${source.project}==${source.version}`]);
  moveTo(folder, temp.folder);
  return file;
}

async function installPackages(
  name: string,
  { packages }: Of<"python">,
  cache: PeerCache,
): Promise<string> {
  const hash = createHash("sha256").update(packages.join(" ")).digest("hex").slice(0, 12);
  const folder = join(cache.folder, "py", `${name}@${hash}`);
  if (existsSync(folder)) return folder;
  cache.say(`peers: installing ${packages.join(", ")} (once, into ${cache.folder})`);
  using temp = tempFolder(cache);
  await pipInstall(name, temp.folder, packages);
  return moveTo(folder, temp.folder);
}

function pipInstall(name: string, folder: string, what: readonly string[]): Promise<void> {
  const quiet = ["--quiet", "--disable-pip-version-check", "--target", folder];
  return runInstaller(name, "python3", ["-m", "pip", "install", ...quiet, ...what], {});
}

async function installPackage(name: string, source: Of<"npm">, cache: PeerCache): Promise<string> {
  const folder = join(cache.folder, "npm", `${name}@${source.version}`);
  const file = join(folder, "node_modules", source.package, source.path);
  if (existsSync(file)) return file;
  cache.say(`peers: installing ${name} ${source.version} (once, into ${cache.folder})`);
  using temp = tempFolder(cache);
  const wanted = `${source.package}@${source.version}`;
  const quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
  const args = ["install", ...quiet, "--prefix", temp.folder, wanted];
  await runInstaller(name, "npm", args, {}, temp.folder);
  moveTo(folder, temp.folder);
  return file;
}

async function findOnPath(name: string, source: Of<"debian">, cache: PeerCache): Promise<string> {
  const found = onPath(source.command, cache);
  if (found !== undefined) return found;
  const install = `apt-get install ${source.package}`;
  if (!cache.isRoot || onPath("apt-get", cache) === undefined) {
    throw new Error(`peer ${name} is missing: install it with: ${install}`);
  }
  cache.say(`peers: ${install}`);
  await runInstaller(name, "apt-get", ["update", "-qq"], {});
  const noQuestions = { DEBIAN_FRONTEND: "noninteractive" };
  const args = ["install", "-y", "-qq", "--no-install-recommends", source.package];
  await runInstaller(name, "apt-get", args, noQuestions);
  const installed = onPath(source.command, cache);
  if (installed === undefined) throw new Error(`peer ${name} is still missing after: ${install}`);
  return installed;
}

function onPath(command: string, { path }: PeerCache): string | undefined {
  // Debian keeps servers in sbin, which is not on every user's PATH.
  const folders = [...path.split(delimiter), "/usr/sbin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, command))
    .find((path) => existsSync(path));
}

/** What a program is built from, in twelve hex digits. */
function hashOf(folder: string): string {
  const hash = createHash("sha256");
  const files = globSync("{go.mod,go.sum,**/*.go}", { cwd: folder }).sort();
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(folder, file)));
  return hash.digest("hex").slice(0, 12);
}

/** Beside the final place, so that a rename is one step; gone at the end, whatever happened. */
function tempFolder(cache: PeerCache): Disposable & { readonly folder: string } {
  mkdirSync(cache.folder, { recursive: true });
  const folder = mkdtempSync(join(cache.folder, "installing-"));
  return {
    folder,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function moveTo(target: string, from: string): string {
  mkdirSync(join(target, ".."), { recursive: true });
  try {
    renameSync(from, target);
  } catch (cause) {
    // Another process was first with the same folder.
    if (!existsSync(target)) throw cause;
  }
  return target;
}

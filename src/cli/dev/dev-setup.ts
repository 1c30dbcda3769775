import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { ProjectCall } from "../../config/project.ts";
import { type Context, InputError, UsageError } from "../command.ts";
import type { DevFlags } from "../dev.ts";
import { type ConfigSources, configSources } from "../load-config.ts";
import { findProject } from "../project.ts";
import { stateFolder } from "../project-file.ts";

/** What one `callpath dev` runs: callpath.yaml and flags, checked. Paths are absolute where nothing else is said. */
export interface DevSetup {
  /** Where commands run. */
  readonly folder: string;
  readonly stateDir: string;
  readonly sources: ConfigSources;
  readonly server: {
    readonly command: string;
    /** The project's own: it gets the flags of the server kit. */
    readonly isProjects: boolean;
  };
  readonly client: string | undefined;
  /** Relative to the folder, as the server is given it. */
  readonly access: string | undefined;
  readonly service: string;
  readonly instances: number;
  /** Files and folders to react to, beside config, image and access. */
  readonly watch: readonly string[];
  /** For hints. */
  readonly call: ProjectCall | undefined;
  readonly portBase: number | undefined;
}

const DEFAULT_SERVICE = "service";
const MAX_INSTANCES = 100;

/** Throws UsageError or InputError for what cannot be run. */
export function devSetup({ flags, cwd }: Context<DevFlags>): DevSetup {
  const found = findProject(cwd);
  const project = found?.project;
  const folder = found?.folder ?? cwd;
  const command = flags.server ?? project?.server;
  if (command === undefined)
    throw new UsageError(
      found === undefined
        ? "no callpath.yaml here or above, and no --server COMMAND: nothing says what to run"
        : `${relative(cwd, found.file)} names no server: add \`server: node server/main.ts\`, or give --server COMMAND`,
    );
  const access =
    flags.access === undefined ? project?.access : relative(folder, resolve(cwd, flags.access));
  const isProjects = flags.server === undefined;
  if (isProjects && access !== undefined && !existsSync(join(folder, access)))
    throw new InputError(`${access}: no such file; callpath.yaml names it under access`);
  return {
    folder,
    stateDir: stateFolder(flags.state, cwd),
    sources: configSources(flags, cwd, {}, found),
    server: { command, isProjects },
    client: flags.client ?? project?.client,
    access: isProjects ? access : undefined,
    service: flags.service ?? project?.service ?? DEFAULT_SERVICE,
    instances:
      wholeNumber("instances", flags.instances, 1, MAX_INSTANCES) ?? project?.instances ?? 1,
    watch:
      flags.watch.length > 0
        ? flags.watch.map((path) => resolve(cwd, path))
        : (project?.watch ?? []).map((path) => join(folder, path)),
    call: project?.call,
    portBase: wholeNumber("port-base", flags["port-base"], 0, 65_531),
  };
}

function wholeNumber(
  flag: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most))
    throw new UsageError(`--${flag} ${text}: write a number from ${least} to ${most}`);
  return number;
}

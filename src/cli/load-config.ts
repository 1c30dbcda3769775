import { resolve } from "node:path";
import { type GatewayModelInput, loadGatewayModel } from "../config/load-gateway-model.ts";
import type { GatewayModel } from "../config/model.ts";
import { printProblem } from "../config/problem.ts";
import { InputError, UsageError } from "./command.ts";
import { type FoundProject, readBytes, readText, shownPath } from "./project.ts";

/** Which config and image a command is about: absolute paths, and the values of the config's $NAMES. */
export interface ConfigSources {
  readonly config: string;
  readonly image: string;
  readonly values: Readonly<Record<string, string>>;
  /** `--backend`: methods need no address of their own. */
  readonly backend?: string | undefined;
}

export interface ConfigFlags {
  readonly config: string | undefined;
  readonly image: string | undefined;
  readonly set: readonly string[];
}

/** By flag, else by callpath.yaml. Throws UsageError when neither names one. */
export function configSources(
  flags: ConfigFlags,
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
  found: FoundProject | undefined,
): ConfigSources {
  const path = (name: "config" | "image"): string => {
    if (flags[name] !== undefined) return resolve(cwd, flags[name]);
    const inProject = found?.project[name];
    if (found === undefined || inProject === undefined)
      throw new UsageError(`--${name} FILE is needed: no callpath.yaml here or above names one`);
    return resolve(found.folder, inProject);
  };
  return { config: path("config"), image: path("image"), values: templateValues(flags.set, env) };
}

/** `--set` over the environment. Throws UsageError. */
export function templateValues(
  set: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) values[name] = value;
  for (const entry of set) {
    const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(entry) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageError(`--set ${entry}: write NAME=VALUE`);
    values[name] = value;
  }
  return values;
}

/** What a config is made from, read: plain data. */
export type ConfigInput = GatewayModelInput;

/**
 * Read and resolve a config. Warnings go to `note`. Throws InputError with every problem, as file:line:column, when the
 * config cannot be served or a file cannot be read.
 */
export function loadConfig(
  sources: ConfigSources,
  cwd: string,
  note: (line: string) => void,
): GatewayModel {
  return resolveConfig(readConfig(sources, cwd), note);
}

/** The files as they are now. Throws InputError when one cannot be read. */
export function readConfig(
  { config, image, values, backend }: ConfigSources,
  cwd: string,
): ConfigInput {
  return {
    file: shownPath(config, cwd),
    text: readText(config, cwd),
    image: readBytes(image, cwd),
    imageFile: shownPath(image, cwd),
    values,
    ...(backend === undefined ? {} : { backend }),
  };
}

/** Warnings go to `note`. Throws InputError with every problem. */
export function resolveConfig(input: ConfigInput, note: (line: string) => void): GatewayModel {
  const { model, problems } = loadGatewayModel(input);
  if (model === undefined) {
    const errors = problems.filter(({ severity }) => severity === "error").length;
    const count = errors === 1 ? "one error" : `${errors} errors`;
    throw new InputError(`${input.file} has ${count}\n${problems.map(printProblem).join("\n")}`);
  }
  for (const problem of problems) note(printProblem(problem));
  return model;
}

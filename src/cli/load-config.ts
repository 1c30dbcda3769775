import { resolve } from "node:path";
import { loadGatewayModel } from "../config/load-gateway-model.ts";
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

/** The flags every command has that takes a config. */
export const configFlags = {
  config: {
    type: "string",
    value: "FILE",
    summary: "google.api.Service, YAML or JSON (callpath.yaml: config)",
  },
  image: {
    type: "string",
    value: "FILE",
    summary: "descriptor image with imports (callpath.yaml: image)",
  },
  set: {
    type: "string",
    value: "NAME=VALUE",
    multiple: true,
    summary: "fills in $NAME of the config, before the environment",
  },
} as const;

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

/**
 * Read and resolve a config. Warnings go to `note`. Throws InputError with every problem, as file:line:column, when the
 * config cannot be served or a file cannot be read.
 */
export function loadConfig(
  { config, image, values, backend }: ConfigSources,
  cwd: string,
  note: (line: string) => void,
): GatewayModel {
  const file = shownPath(config, cwd);
  const { model, problems } = loadGatewayModel({
    file,
    text: readText(config, cwd),
    image: readBytes(image, cwd),
    imageFile: shownPath(image, cwd),
    values,
    ...(backend === undefined ? {} : { backend }),
  });
  if (model === undefined) {
    const errors = problems.filter(({ severity }) => severity === "error").length;
    const count = errors === 1 ? "one error" : `${errors} errors`;
    throw new InputError(`${file} has ${count}\n${problems.map(printProblem).join("\n")}`);
  }
  for (const problem of problems) note(printProblem(problem));
  return model;
}

import type { ConfigProblem, Position } from "./problem.ts";
import { ProblemList } from "./problem-list.ts";
import { type FieldNode, readFields, readItems, readText, readWholeNumber } from "./read-fields.ts";
import { quote } from "./read-scalar.ts";
import { parseYaml } from "./yaml.ts";
import { type JsonOfYaml, toJson, type YamlNode } from "./yaml-node.ts";

/**
 * What is what in a folder: `callpath.yaml`. Each value is the default of the flag that means the same, so all may be
 * missing. Paths are as written, relative to the file's folder; commands run in it.
 */
export interface Project {
  /** callpath.yaml itself, as it was named. */
  readonly file: string;
  /** Descriptor image. */
  readonly image: string | undefined;
  /** google.api.Service document. */
  readonly config: string | undefined;
  /** Who may call what: the server's `--access`. */
  readonly access: string | undefined;
  /** Command of one instance: any program that listens on $PORT. */
  readonly server: string | undefined;
  /** Command that makes the first calls. */
  readonly client: string | undefined;
  readonly call: ProjectCall | undefined;
  /** Name on Cloud Run. */
  readonly service: string | undefined;
  /** min = max. */
  readonly instances: number | undefined;
  /** Files and folders that `dev` reacts to, beside config, image and access. */
  readonly watch: readonly string[];
  /** Where each key's value stands, for whoever finds out later that it is wrong (a file that is not there). */
  readonly places: ReadonlyMap<ProjectKey, Position>;
}

/** The call that hints and a bare `callpath call` use. */
export interface ProjectCall {
  /** pkg.Service/Method */
  readonly method: string;
  /** As JSON; {} where there is none. */
  readonly message: { readonly [field: string]: JsonOfYaml };
}

export const projectKeys = [
  "image",
  "config",
  "access",
  "server",
  "client",
  "call",
  "service",
  "instances",
  "watch",
] as const;
export type ProjectKey = (typeof projectKeys)[number];
export const projectCallKeys = ["method", "message"] as const;

export interface LoadedProject {
  /** undefined when any problem is an error. */
  readonly project: Project | undefined;
  readonly problems: readonly ConfigProblem[];
}

/** As one proto file's package, service and method: pkg.Service/Method. */
export const METHOD_PATTERN = "^[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)*/[A-Za-z_]\\w*$";
/** What Cloud Run takes as a service's name. */
export const SERVICE_PATTERN = "^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$";
export const INSTANCES = { min: 1, max: 100 } as const;

/** Read callpath.yaml. Unknown keys are errors, all with line and column. Never throws. */
export function loadProject(file: string, text: string): LoadedProject {
  const problems = new ProblemList();
  const { root, problems: faults } = parseYaml(file, text);
  problems.addAll(faults);
  const project = root === undefined ? undefined : readProject(file, root, problems);
  return { project: problems.hasErrors ? undefined : project, problems: problems.sorted() };
}

function readProject(file: string, root: YamlNode, problems: ProblemList): Project | undefined {
  const fields = readFields({ node: root, path: "" }, projectKeys, "callpath.yaml", problems);
  if (fields === undefined) return undefined;
  const text = (key: ProjectKey, example: string): string | undefined => {
    const field = fields.get(key);
    return field && readText(field, `${key}: ${example}`, problems);
  };
  const call = fields.get("call");
  const service = text("service", "apiserver-grpc");
  checkService(service, fields.get("service"), problems);
  const instances = fields.get("instances");
  const watch = fields.get("watch");
  const places = [...fields].map(([key, { node }]) => [key as ProjectKey, node.at] as const);
  return {
    file,
    image: text("image", "gen/descriptor.pb"),
    config: text("config", "gateway/api_config.yaml"),
    access: text("access", "server/access.yaml"),
    server: text("server", "node server/main.ts"),
    client: text("client", "node client/main.ts"),
    call: call && readCall(call, problems),
    service,
    instances: instances && readWholeNumber(instances, INSTANCES, problems),
    watch: (watch && readWatch(watch, problems)) ?? [],
    places: new Map(places),
  };
}

function checkService(
  service: string | undefined,
  field: FieldNode | undefined,
  problems: ProblemList,
): void {
  if (service === undefined || field === undefined) return;
  if (new RegExp(SERVICE_PATTERN).test(service)) return;
  const message = `${quote(service)} is no name of a Cloud Run service`;
  const hint = "Write at most 49 lower-case letters, digits and dashes, a letter first";
  problems.error(field.node.at, { code: "wrong-value", message, path: field.path, hint });
}

function readCall(field: FieldNode, problems: ProblemList): ProjectCall | undefined {
  const fields = readFields(field, projectCallKeys, "call", problems);
  if (fields === undefined) return undefined;
  const method = fields.get("method");
  const message = fields.get("message");
  if (method === undefined) {
    const hint = "Write method: pkg.Service/Method";
    const fault = { code: "missing-field", message: "call names no method", hint };
    problems.error(field.node.at, { ...fault, path: `${field.path}.method` });
    return undefined;
  }
  const name = readMethod(method, problems);
  const json = message === undefined ? {} : readMessageJson(message, problems);
  return name === undefined || json === undefined ? undefined : { method: name, message: json };
}

function readMethod(field: FieldNode, problems: ProblemList): string | undefined {
  const name = readText(field, "method: pkg.Service/Method", problems);
  if (name === undefined || new RegExp(METHOD_PATTERN).test(name)) return name;
  const message = `${quote(name)} is no method`;
  const slashed = name.replace(/^\//, "").replace(/\.(\w+)$/, "/$1");
  const close = new RegExp(METHOD_PATTERN).test(slashed) ? slashed : "pkg.Service/Method";
  const hint = `Write method: ${close}`;
  problems.error(field.node.at, { code: "wrong-value", message, path: field.path, hint });
  return undefined;
}

function readMessageJson({ node, path }: FieldNode, problems: ProblemList) {
  const json = toJson(node);
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
  const message = "a message is a mapping of its fields";
  const hint = "Write message: { name: Ada }";
  problems.error(node.at, { code: "wrong-kind", message, path, hint });
  return undefined;
}

function readWatch(field: FieldNode, problems: ProblemList): readonly string[] | undefined {
  const example = "watch: [proto, server]";
  return readItems(field, example, problems)?.flatMap((item) => {
    const text = readText(item, example, problems);
    return text === undefined ? [] : [text];
  });
}

import type { MessageShape } from "@bufbuild/protobuf";
import { ServiceSchema } from "../google/gen/google/api/service_pb.ts";
import type { Places } from "./places.ts";
import type { Position } from "./problem.ts";
import type { ProblemList } from "./problem-list.ts";
import { readMessage } from "./read-message.ts";
import { quote } from "./read-scalar.ts";
import { fillTemplate } from "./template.ts";
import { parseYaml } from "./yaml.ts";
import { kindOf, type YamlMapping, type YamlNode } from "./yaml-node.ts";

/** google.api.Service as a message. */
export type Service = MessageShape<typeof ServiceSchema>;

export interface ServiceDocument {
  readonly service: Service;
  readonly places: Places;
  readonly start: Position;
}

/** Read a google.api.Service document, its template filled in. undefined: there is nothing to read. */
export function readServiceDocument(
  file: string,
  text: string,
  values: Readonly<Record<string, string>>,
  problems: ProblemList,
): ServiceDocument | undefined {
  const parsed = parseYaml(file, text);
  problems.addAll(parsed.problems);
  if (parsed.root === undefined) return undefined;
  const filled = fillTemplate(parsed.root, values);
  problems.addAll(filled.problems);
  const root = asMapping(filled.root, problems);
  if (root === undefined) return undefined;
  const start = root.at;
  const fields = takeType(root, problems);
  return { ...readService(fields, problems), start };
}

function readService(root: YamlMapping, problems: ProblemList) {
  const { message, places } = readMessage(ServiceSchema, root, problems);
  return { service: message, places };
}

function asMapping(root: YamlNode, problems: ProblemList): YamlMapping | undefined {
  if (root.kind === "mapping") return root;
  problems.error(root.at, {
    code: "not-a-mapping",
    message: `expected a google.api.Service document, found ${kindOf(root)}`,
    path: "",
    hint: `Start with ${TYPE_LINE}`,
  });
  return undefined;
}

const TYPE = "google.api.Service";
const TYPE_LINE = `type: ${TYPE}`;

/** `type` says what the document is; it is no field of google.api.Service. */
function takeType(root: YamlMapping, problems: ProblemList): YamlMapping {
  const entry = root.entries.find(({ key }) => key === "type");
  const hint = `Write ${TYPE_LINE}`;
  if (entry === undefined) {
    const message = "the document does not say what it is: `type` is missing";
    problems.error(root.at, { code: "missing-field", message, path: "type", hint });
    return root;
  }
  const { value } = entry;
  if (value.kind !== "scalar" || (value.text !== TYPE && !value.unfilled)) {
    const message = `unknown type ${value.kind === "scalar" ? quote(value.text) : kindOf(value)}`;
    problems.error(value.at, { code: "wrong-value", message, path: "type", hint });
  }
  return { ...root, entries: root.entries.filter((other) => other !== entry) };
}

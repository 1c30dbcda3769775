import type { ConfigProblem, Position } from "./problem.ts";
import { ProblemList } from "./problem-list.ts";
import { fieldPath, itemPath, type YamlNode, type YamlScalar } from "./yaml-node.ts";

export interface FilledTemplate {
  readonly root: YamlNode;
  readonly problems: readonly ConfigProblem[];
}

/** `$$`, `$NAME`, `${NAME}`, or a `${` that is neither. Any other `$` stands for itself. */
const REFERENCE = /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}|\{)/g;

/**
 * Fill in `$NAME` and `${NAME}`; `$$` is a dollar. Values are filled in after parsing, in values only: a value can
 * never change the document's shape, comments and keys are left alone, and every position is the user's own.
 */
export function fillTemplate(
  root: YamlNode,
  values: Readonly<Record<string, string>>,
): FilledTemplate {
  const problems = new ProblemList();
  const fill = (node: YamlNode, path: string): YamlNode => {
    switch (node.kind) {
      case "scalar":
        return node.text.includes("$") ? fillScalar(node, path, values, problems) : node;
      case "sequence":
        return { ...node, items: node.items.map((item, i) => fill(item, itemPath(path, i))) };
      case "mapping":
        return {
          ...node,
          entries: node.entries.map((entry) => ({
            ...entry,
            value: fill(entry.value, fieldPath(path, entry.key)),
          })),
        };
    }
  };
  return { root: fill(root, ""), problems: problems.sorted() };
}

function fillScalar(
  scalar: YamlScalar,
  path: string,
  values: Readonly<Record<string, string>>,
  problems: ProblemList,
): YamlScalar {
  let unfilled = false;
  let count = -1;
  const text = scalar.text.replace(REFERENCE, (reference, bare?: string, braced?: string) => {
    count++;
    if (reference === "$$") return "$";
    const name = bare ?? braced;
    const value = name === undefined || !Object.hasOwn(values, name) ? undefined : values[name];
    if (value !== undefined) return value;
    unfilled = true;
    problems.error(placeInside(scalar, count), { ...faultOf(name, reference), path });
    return reference;
  });
  return unfilled ? { ...scalar, text, unfilled } : { ...scalar, text };
}

function faultOf(name: string | undefined, reference: string) {
  if (name === undefined) {
    const message = `\${ is not followed by a name and }`;
    return { code: "template-syntax", message, hint: `Write \${NAME}, or $$ for a dollar sign` };
  }
  const message = `${reference} has no value`;
  const hint = `Give it with --set ${name}=VALUE or set ${name} in the environment; $$ is a plain dollar sign`;
  return { code: "unset-variable", message, hint };
}

/** Where the n-th reference stands: found again in the file's own characters, since quotes and line ends move it. */
function placeInside({ at, source }: YamlScalar, n: number): Position {
  const found = [...source.matchAll(REFERENCE)][n];
  if (found === undefined) return at;
  const before = source.slice(0, found.index).split("\n");
  const last = before.at(-1) ?? "";
  const column = before.length === 1 ? at.column + last.length : last.length + 1;
  return { file: at.file, line: at.line + before.length - 1, column };
}

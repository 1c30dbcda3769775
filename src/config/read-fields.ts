import { didYouMean } from "./did-you-mean.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote } from "./read-scalar.ts";
import {
  fieldPath,
  isNull,
  itemPath,
  kindOf,
  scalarValue,
  type YamlEntry,
  type YamlNode,
  type YamlSequence,
} from "./yaml-node.ts";

/** A node with its path: what the readers below take. */
export interface FieldNode {
  readonly node: YamlNode;
  /** "" for the document. */
  readonly path: string;
}

/**
 * The fields of a mapping by key, without those that have no value. Every other key is a problem, and so is a node that
 * is no mapping (then undefined).
 *
 * @param what for messages, e.g. "callpath.yaml" or "a rule"
 */
export function readFields(
  { node, path }: FieldNode,
  keys: readonly string[],
  what: string,
  problems: ProblemList,
): ReadonlyMap<string, FieldNode> | undefined {
  if (node.kind !== "mapping") {
    const hint = `Write fields under it: ${keys.join(", ")}`;
    refuseKind({ node, path }, "a mapping", hint, problems);
    return undefined;
  }
  const fields = new Map<string, FieldNode>();
  for (const entry of node.entries) {
    if (!keys.includes(entry.key)) refuseUnknown(entry, path, keys, what, problems);
    else if (!isNull(entry.value)) {
      fields.set(entry.key, { node: entry.value, path: fieldPath(path, entry.key) });
    }
  }
  return fields;
}

/** One value as text, never empty; undefined where it is something else, which is a problem. */
export function readText(
  { node, path }: FieldNode,
  example: string,
  problems: ProblemList,
): string | undefined {
  if (node.kind !== "scalar" || isNull(node)) {
    refuseKind({ node, path }, "one value", `Write ${example}`, problems);
    return undefined;
  }
  if (node.unfilled) return undefined;
  if (node.text.trim() !== "") return node.text;
  const hint = `Write ${example}`;
  problems.error(node.at, { code: "wrong-value", message: "the value is empty", path, hint });
  return undefined;
}

/** A whole number from `min` to `max`. */
export function readWholeNumber(
  { node, path }: FieldNode,
  { min, max }: { readonly min: number; readonly max: number },
  problems: ProblemList,
): number | undefined {
  const value = node.kind === "scalar" ? scalarValue(node) : undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  const shown = node.kind === "scalar" ? quote(node.text) : kindOf(node);
  const message = `${shown} is no whole number from ${min} to ${max}`;
  problems.error(node.at, { code: "wrong-value", message, path, hint: "Write a number such as 3" });
  return undefined;
}

/** The items of a list; undefined where it is none, which is a problem. */
export function readItems(
  { node, path }: FieldNode,
  example: string,
  problems: ProblemList,
): readonly FieldNode[] | undefined {
  if (node.kind !== "sequence") {
    refuseKind({ node, path }, "a list", `Write ${example}`, problems);
    return undefined;
  }
  return itemsOf(node, path);
}

function itemsOf({ items }: YamlSequence, path: string): readonly FieldNode[] {
  return items.map((node, i) => ({ node, path: itemPath(path, i) }));
}

function refuseKind(
  { node, path }: FieldNode,
  wanted: string,
  hint: string,
  problems: ProblemList,
): void {
  const message = `expected ${wanted}, found ${kindOf(node)}`;
  problems.error(node.at, { code: "wrong-kind", message, path, hint });
}

function refuseUnknown(
  { key, keyAt }: YamlEntry,
  path: string,
  keys: readonly string[],
  what: string,
  problems: ProblemList,
): void {
  const close = didYouMean(key, keys);
  const hint = close === undefined ? `Fields here: ${keys.join(", ")}` : `Did you mean ${close}?`;
  const message = `${what} has no field ${quote(key)}`;
  problems.error(keyAt, { code: "unknown-field", message, path: fieldPath(path, key), hint });
}

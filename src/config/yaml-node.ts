import type { Position } from "./problem.ts";

/** A YAML or JSON document with the place of every part: what each reader of a user's file starts from. */
export type YamlNode = YamlMapping | YamlSequence | YamlScalar;

export interface YamlMapping {
  readonly kind: "mapping";
  readonly at: Position;
  /** In file order; keys are unique. */
  readonly entries: readonly YamlEntry[];
}

export interface YamlEntry {
  readonly key: string;
  readonly keyAt: Position;
  readonly value: YamlNode;
}

export interface YamlSequence {
  readonly kind: "sequence";
  readonly at: Position;
  readonly items: readonly YamlNode[];
}

/** Untyped: who reads it knows which type the field has. */
export interface YamlScalar {
  readonly kind: "scalar";
  readonly at: Position;
  /** Without quotes and escapes. */
  readonly text: string;
  /** Not in quotes, no block: `true`, `3` and `null` mean more than their letters. */
  readonly plain: boolean;
  /** As it stands in the file, quotes included; for places inside it. */
  readonly source: string;
  /** A template name in it has no value: it was reported, and nothing else about this scalar should be. */
  readonly unfilled?: true;
}

/** No value: empty, `~` or `null`. Such a field counts as not written. */
export function isNull(node: YamlNode): boolean {
  return node.kind === "scalar" && node.plain && /^(|~|null|Null|NULL)$/.test(node.text);
}

/** A plain value as YAML 1.2's core schema reads it; everything else as its text. */
export function scalarValue(node: YamlScalar): string | number | boolean | null {
  const { plain, text } = node;
  if (!plain) return text;
  if (isNull(node)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}

/** The same as JSON. A key `__proto__` is data like any other. */
export function toJson(node: YamlNode): JsonOfYaml {
  switch (node.kind) {
    case "scalar":
      return scalarValue(node);
    case "sequence":
      return node.items.map(toJson);
    case "mapping":
      return Object.fromEntries(node.entries.map(({ key, value }) => [key, toJson(value)]));
  }
}

export type JsonOfYaml =
  | string
  | number
  | boolean
  | null
  | JsonOfYaml[]
  | { [key: string]: JsonOfYaml };

/** What a node is, in words for messages. */
export function kindOf(node: YamlNode): string {
  if (isNull(node)) return "nothing";
  if (node.kind === "sequence") return "a list";
  return node.kind === "mapping" ? "a mapping" : "a single value";
}

/** `backend` + `rules` -> `backend.rules`; the document's own path is "". */
export function fieldPath(parent: string, field: string): string {
  return parent === "" ? field : `${parent}.${field}`;
}

/** `rules` + 0 -> `rules[0]` */
export function itemPath(parent: string, index: number): string {
  return `${parent}[${index}]`;
}

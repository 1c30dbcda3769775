import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
} from "yaml";
import type { ConfigProblem, Position } from "./problem.ts";
import { ProblemList } from "./problem-list.ts";
import { fieldPath, itemPath, type YamlEntry, type YamlNode } from "./yaml-node.ts";
import { FEWER, readTokens } from "./yaml-tokens.ts";

/** Largest file, characters. Against: a file that is no configuration. */
export const MAX_TEXT_LENGTH = 1024 * 1024;
/** Most nodes, each alias counted as all that it repeats. Against: aliases of aliases of aliases. */
export const MAX_NODES = 50_000;

export interface ParsedYaml {
  /** undefined: there is nothing to read; the problems say why. */
  readonly root: YamlNode | undefined;
  readonly problems: readonly ConfigProblem[];
}

/**
 * Read one YAML or JSON document, with the place of every key and value. Keys are strings and unique, aliases are
 * filled in, tags and merge keys are refused; values keep their text, for a reader who knows the field's type.
 * Never throws.
 *
 * @param file as the user named it; it goes into every position.
 */
export function parseYaml(file: string, text: string): ParsedYaml {
  const problems = new ProblemList();
  const refuse = (code: string, message: string, hint: string): ParsedYaml => {
    problems.error({ file, line: 1, column: 1 }, { code, message, path: "", hint });
    return { root: undefined, problems: problems.sorted() };
  };
  if (text.length > MAX_TEXT_LENGTH) {
    const hint = "Give the configuration's own file";
    return refuse("too-large", `the file has more than ${MAX_TEXT_LENGTH} characters`, hint);
  }
  const lines = new LineCounter();
  const tokens = readTokens(text, lines.addNewLine);
  const reader = new NodeReader(file, text, lines, problems);
  if ("code" in tokens) {
    const { offset, ...fault } = tokens;
    problems.error(reader.at(offset), { ...fault, path: "" });
    return { root: undefined, problems: problems.sorted() };
  }
  const [document, second] = new Composer({
    schema: "failsafe",
    stringKeys: true,
    // Its own check compares every key with every other.
    uniqueKeys: false,
    lineCounter: lines,
  }).compose(tokens, true, text.length);
  if (document !== undefined) reader.reportErrors(document);
  if (second !== undefined) {
    problems.error(reader.at(second.range[0]), {
      code: "several-documents",
      message: "the file holds more than one document",
      path: "",
      hint: "Keep one: remove the `---` line and what follows it",
    });
  }
  const contents = document?.contents ?? undefined;
  if (
    contents === undefined ||
    (isScalar(contents) && contents.type === "PLAIN" && contents.source === "")
  ) {
    if (problems.hasErrors) return { root: undefined, problems: problems.sorted() };
    return refuse("empty-document", "the document is empty", "Write the configuration here");
  }
  const root = problems.hasErrors ? undefined : reader.read(contents, "", 0);
  return { root, problems: problems.sorted() };
}

/** An anchored node and how many nodes stand in it. */
interface Anchored {
  readonly node: YamlNode;
  readonly size: number;
}

/** Turns the library's nodes into ours. */
class NodeReader {
  readonly #file: string;
  readonly #text: string;
  readonly #lines: LineCounter;
  readonly #problems: ProblemList;
  readonly #anchors = new Map<string, Anchored>();
  #nodes = 0;
  #full = false;

  constructor(file: string, text: string, lines: LineCounter, problems: ProblemList) {
    this.#file = file;
    this.#text = text;
    this.#lines = lines;
    this.#problems = problems;
  }

  at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  reportErrors(document: Document.Parsed): void {
    for (const error of document.errors) {
      const message = `this is not YAML: ${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`;
      const hint = hints[error.code] ?? "";
      this.#problems.error(this.at(error.pos[0]), { code: "syntax", message, path: "", hint });
    }
  }

  /** undefined where the node cannot be used; it was reported. */
  read(node: Node, path: string, depth: number): YamlNode | undefined {
    const before = this.#nodes;
    const read = isAlias(node)
      ? this.#follow(node.source, node, path)
      : this.#readOwn(node, path, depth);
    if (read === undefined) return undefined;
    if (!isAlias(node) && node.anchor !== undefined) {
      this.#anchors.set(node.anchor, { node: read, size: this.#nodes - before });
    }
    return read;
  }

  #readOwn(node: Node, path: string, depth: number): YamlNode | undefined {
    this.#count(1, node);
    if (this.#full || isAlias(node)) return undefined;
    const at = this.at(node.range?.[0] ?? 0);
    this.#refuseTag(node, at, path);
    if (isScalar(node)) {
      const text = String(node.value ?? "");
      const source = this.#text.slice(node.range?.[0] ?? 0, node.range?.[1] ?? 0);
      return { kind: "scalar", at, text, plain: node.type === "PLAIN", source };
    }
    if (isSeq(node)) {
      const items = node.items.map((item, i) =>
        this.read(item as Node, itemPath(path, i), depth + 1),
      );
      return { kind: "sequence", at, items: items.filter((item) => item !== undefined) };
    }
    return isMap(node) ? this.#readMapping(node.items, at, path, depth) : undefined;
  }

  #readMapping(
    pairs: readonly { key: unknown; value: unknown }[],
    at: Position,
    path: string,
    depth: number,
  ): YamlNode {
    const entries = new Map<string, YamlEntry>();
    for (const pair of pairs) {
      const key = pair.key as Node;
      if (!isScalar(key)) continue; // reported by the library: stringKeys
      const name = String(key.value ?? "");
      const keyAt = this.at(key.range?.[0] ?? 0);
      const inner = fieldPath(path, name);
      const first = entries.get(name);
      if (first !== undefined) {
        this.#problems.error(keyAt, {
          code: "duplicate-key",
          message: `${name} is written twice here; first on line ${first.keyAt.line}`,
          path: inner,
          hint: "Keep one of them",
        });
        continue;
      }
      const value: YamlNode | undefined = isNode(pair.value)
        ? this.read(pair.value, inner, depth + 1)
        : { kind: "scalar", at: keyAt, text: "", plain: true, source: "" };
      if (value !== undefined) entries.set(name, { key: name, keyAt, value });
    }
    return { kind: "mapping", at, entries: [...entries.values()] };
  }

  #follow(name: string, node: Node, path: string): YamlNode | undefined {
    const anchored = this.#anchors.get(name);
    if (anchored === undefined) {
      this.#problems.error(this.at(node.range?.[0] ?? 0), {
        code: "unknown-alias",
        message: `*${name} names no anchor above it`,
        path,
        hint: `Write &${name} before the value that it should repeat, or quote it if it is text: "*${name}"`,
      });
      return undefined;
    }
    this.#count(anchored.size, node);
    return this.#full ? undefined : anchored.node;
  }

  #count(nodes: number, node: Node): void {
    this.#nodes += nodes;
    if (this.#full || this.#nodes <= MAX_NODES) return;
    this.#full = true;
    this.#problems.error(this.at(node.range?.[0] ?? 0), {
      code: "too-large",
      message: `the document has more than ${MAX_NODES} values, aliases filled in`,
      path: "",
      hint: FEWER,
    });
  }

  #refuseTag(node: Node, at: Position, path: string): void {
    if (isAlias(node) || node.tag === undefined) return;
    this.#problems.error(at, {
      code: "tag",
      message: `tags such as ${node.tag.replace("tag:yaml.org,2002:", "!!")} are not read here`,
      path,
      hint: "Remove the tag; put text that looks like a number in quotes",
    });
  }
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}

const hints: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "Indent with spaces",
  BAD_INDENT: "Indent it like its neighbours",
  MISSING_CHAR: "Add the missing character",
  NON_STRING_KEY: "Use a plain word as the key",
  KEY_OVER_1024_CHARS: "Use a shorter key",
  MULTILINE_IMPLICIT_KEY: "Put the key and its colon on one line",
};

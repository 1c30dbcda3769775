import { didYouMean } from "../config/did-you-mean.ts";
import type { ConfigProblem } from "../config/problem.ts";
import { ProblemList } from "../config/problem-list.ts";
import { matches, parseSelector, type Selector } from "../config/selector.ts";
import { fillTemplate } from "../config/template.ts";
import { parseYaml } from "../config/yaml.ts";
import {
  fieldPath,
  isNull,
  itemPath,
  kindOf,
  type YamlMapping,
  type YamlNode,
  type YamlScalar,
} from "../config/yaml-node.ts";
import type { AccessRule, AccessRules, Member } from "./access-rules.ts";

export interface ReadAccess {
  /** undefined when any problem is an error. */
  readonly rules: AccessRules | undefined;
  readonly problems: readonly ConfigProblem[];
}

/**
 * Read access.yaml: `rules`, each with `selector` and `allow`. All problems are reported, with line and column.
 *
 * @param file as the user named it; it goes into every position.
 * @param methods selectors of every method of the server; a rule that is about none of them is a mistake.
 * @param values for `$NAME` in it.
 */
export function readAccess(
  file: string,
  text: string,
  methods: readonly string[],
  values: Readonly<Record<string, string>>,
): ReadAccess {
  const parsed = parseYaml(file, text);
  if (parsed.root === undefined) return { rules: undefined, problems: parsed.problems };
  const filled = fillTemplate(parsed.root, values);
  const problems = new ProblemList();
  for (const { severity, at, ...fault } of [...parsed.problems, ...filled.problems]) {
    const hint = fault.code === "unset-variable" ? unsetHint : fault.hint;
    problems[severity](at, { ...fault, hint });
  }
  const rules = new AccessReader(problems, methods).document(filled.root);
  return {
    rules: problems.hasErrors ? undefined : { file, rules },
    problems: problems.sorted(),
  };
}

const unsetHint = "Set it in the server's environment; $$ is a plain dollar sign";

/** Turns nodes into rules; what it cannot use was reported. */
class AccessReader {
  readonly #problems: ProblemList;
  readonly #methods: readonly string[];

  constructor(problems: ProblemList, methods: readonly string[]) {
    this.#problems = problems;
    this.#methods = methods;
  }

  document(root: YamlNode): readonly AccessRule[] {
    const fields = this.#fields(root, "", ["rules"]);
    const rules = fields?.get("rules");
    if (fields === undefined) return [];
    if (rules === undefined) {
      this.#error(root, "missing-field", "rules", "there are no rules", `Write ${example}`);
      return [];
    }
    return this.#items(rules, "rules", example).flatMap((item, i) =>
      this.#rule(item, itemPath("rules", i)),
    );
  }

  #rule(node: YamlNode, path: string): readonly AccessRule[] {
    const fields = this.#fields(node, path, ["selector", "allow"]);
    if (fields === undefined) return [];
    const selector = this.#selector(node, fields.get("selector"), fieldPath(path, "selector"));
    const allow = this.#allow(node, fields.get("allow"), fieldPath(path, "allow"));
    if (selector === undefined || allow === undefined) return [];
    return [{ selector, allow, at: node.at }];
  }

  #selector(rule: YamlNode, node: YamlNode | undefined, path: string): Selector | undefined {
    if (node === undefined) {
      this.#error(rule, "missing-field", path, "the rule has no selector", 'Write selector: "*"');
      return undefined;
    }
    const scalar = this.#scalar(node, path);
    if (scalar === undefined) return undefined;
    const selector = parseSelector(scalar.text);
    if ("fault" in selector) {
      const message = `not a selector: ${selector.fault}`;
      this.#error(node, "selector-syntax", path, message, selector.hint);
      return undefined;
    }
    for (const pattern of selector.patterns) {
      const alone = { text: selector.text, patterns: [pattern] };
      if (this.#methods.some((method) => matches(alone, method))) continue;
      const written = pattern.kind === "method" ? pattern.name : selector.text;
      const meant = didYouMean(written, this.#methods);
      const known =
        meant === undefined ? `Its methods: ${this.#methods.join(", ")}` : `Write ${meant}`;
      this.#error(
        node,
        "selector-matches-nothing",
        path,
        `${written} is no method of this server`,
        known,
      );
    }
    return selector;
  }

  #allow(rule: YamlNode, node: YamlNode | undefined, path: string): readonly Member[] | undefined {
    const hint = "Write allow: [user:ada@example.com]; to deny everybody, leave the rule out";
    if (
      node === undefined ||
      isNull(node) ||
      (node.kind === "sequence" && node.items.length === 0)
    ) {
      this.#error(node ?? rule, "empty-allow", path, "allow names nobody", hint);
      return undefined;
    }
    return this.#items(node, path, "allow: [user:ada@example.com]").flatMap((item, i) => {
      const scalar = this.#scalar(item, itemPath(path, i));
      return scalar === undefined ? [] : this.#member(scalar, itemPath(path, i));
    });
  }

  #member(node: YamlScalar, path: string): readonly Member[] {
    const { text } = node;
    if (text === "allUsers" || text === "allAuthenticatedUsers") return [{ kind: text }];
    const [kind = "", ...rest] = text.split(":");
    const name = rest.join(":").toLowerCase();
    if (kind === "user" || kind === "serviceAccount") {
      if (/^[^\s@:]+@[^\s@:]+$/.test(name)) return [{ kind, email: name }];
      this.#error(
        node,
        "member-syntax",
        path,
        `${text} names no email`,
        `Write ${kind}:NAME@DOMAIN`,
      );
      return [];
    }
    if (kind === "domain") {
      if (/^[^\s@:]+$/.test(name)) return [{ kind, domain: name }];
      this.#error(
        node,
        "member-syntax",
        path,
        `${text} names no domain`,
        "Write domain:example.com",
      );
      return [];
    }
    const kinds = "user:, serviceAccount:, domain:, allAuthenticatedUsers or allUsers";
    const meant = /^[^\s@:]+@[^\s@:]+$/.test(text)
      ? `${text.endsWith(".gserviceaccount.com") ? "serviceAccount" : "user"}:${text}`
      : kinds;
    this.#error(
      node,
      "member-kind",
      path,
      `${text} is no kind of member known here`,
      `Write ${meant}`,
    );
    return [];
  }

  /** A mapping's fields that have a value; unknown ones are reported. */
  #fields(
    node: YamlNode,
    path: string,
    known: readonly string[],
  ): Map<string, YamlNode> | undefined {
    if (node.kind !== "mapping") {
      const fault = `${path === "" ? "the document" : "a rule"} is ${kindOf(node)}, not a mapping`;
      this.#error(node, "wrong-kind", path, fault, `Write ${example}`);
      return undefined;
    }
    this.#refuseUnknown(node, path, known);
    return new Map(
      node.entries.filter(({ value }) => !isNull(value)).map(({ key, value }) => [key, value]),
    );
  }

  #refuseUnknown(node: YamlMapping, path: string, known: readonly string[]): void {
    for (const { key, keyAt } of node.entries) {
      if (known.includes(key)) continue;
      const meant = didYouMean(key, known);
      this.#problems.error(keyAt, {
        code: "unknown-field",
        message: `unknown field ${key}`,
        path: fieldPath(path, key),
        hint: meant === undefined ? `Known here: ${known.join(", ")}` : `Write ${meant}`,
      });
    }
  }

  #items(node: YamlNode, path: string, instead: string): readonly YamlNode[] {
    if (node.kind === "sequence") return node.items;
    this.#error(
      node,
      "wrong-kind",
      path,
      `${path} is ${kindOf(node)}, not a list`,
      `Write ${instead}`,
    );
    return [];
  }

  /** undefined also where a name in it has no value: that was reported. */
  #scalar(node: YamlNode, path: string): YamlScalar | undefined {
    if (node.kind === "scalar" && !isNull(node)) return node.unfilled ? undefined : node;
    const message = `${path} is ${kindOf(node)}, not one text`;
    this.#error(
      node,
      "wrong-kind",
      path,
      message,
      "Write one text, in quotes where it starts with *",
    );
    return undefined;
  }

  #error(node: YamlNode, code: string, path: string, message: string, hint: string): void {
    this.#problems.error(node.at, { code, message, path, hint });
  }
}

const example = 'rules: [{ selector: "*", allow: [user:ada@example.com] }]';

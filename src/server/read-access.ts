import { didYouMean } from "../config/did-you-mean.ts";
import type { ConfigProblem } from "../config/problem.ts";
import { ProblemList } from "../config/problem-list.ts";
import { type FieldNode, readFields, readItems, readText } from "../config/read-fields.ts";
import { matchesPattern, parseSelector, printPattern, type Selector } from "../config/selector.ts";
import { fillTemplate } from "../config/template.ts";
import { parseYaml } from "../config/yaml.ts";
import type { AccessRule, AccessRules } from "./access-rules.ts";
import { type Member, parseMember } from "./member.ts";

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
  const problems = new ProblemList();
  const { root, problems: faults } = parseYaml(file, text);
  const filled = root === undefined ? undefined : fillTemplate(root, values);
  for (const { severity, at, ...fault } of [...faults, ...(filled?.problems ?? [])]) {
    const hint = fault.code === "unset-variable" ? unsetHint : fault.hint;
    problems[severity](at, { ...fault, hint });
  }
  const reader = new AccessReader(problems, methods);
  const rules = filled === undefined ? [] : reader.document({ node: filled.root, path: "" });
  return {
    rules: problems.hasErrors ? undefined : { file, rules },
    problems: problems.sorted(),
  };
}

const unsetHint = "Set it in the server's environment; $$ is a plain dollar sign";
const exampleRule = 'rules: [{ selector: "*", allow: [user:ada@example.com] }]';
const exampleAllow = "allow: [user:ada@example.com]";

/** Turns nodes into rules; what it cannot use was reported. */
class AccessReader {
  readonly #problems: ProblemList;
  readonly #methods: readonly string[];

  constructor(problems: ProblemList, methods: readonly string[]) {
    this.#problems = problems;
    this.#methods = methods;
  }

  document(root: FieldNode): readonly AccessRule[] {
    const fields = readFields(root, ["rules"], "access.yaml", this.#problems);
    if (fields === undefined) return [];
    const rules = fields.get("rules");
    if (rules === undefined) {
      this.#error(root, "missing-field", "there are no rules", `Write ${exampleRule}`);
      return [];
    }
    return (readItems(rules, exampleRule, this.#problems) ?? []).flatMap((rule) =>
      this.#rule(rule),
    );
  }

  #rule(rule: FieldNode): readonly AccessRule[] {
    const fields = readFields(rule, ["selector", "allow"], "a rule", this.#problems);
    if (fields === undefined) return [];
    const selector = this.#selector(rule, fields.get("selector"));
    const allow = this.#allow(rule, fields.get("allow"));
    if (selector === undefined || allow === undefined) return [];
    return [{ selector, allow, at: rule.node.at }];
  }

  #selector(rule: FieldNode, field: FieldNode | undefined): Selector | undefined {
    if (field === undefined) {
      this.#error(rule, "missing-field", "the rule has no selector", 'Write selector: "*"');
      return undefined;
    }
    const text = readText(field, 'selector: "*"', this.#problems);
    if (text === undefined) return undefined;
    const selector = parseSelector(text);
    if ("fault" in selector) {
      const message = `this is no selector: ${selector.fault}`;
      this.#error(field, "selector-syntax", message, selector.hint);
      return undefined;
    }
    for (const pattern of selector.patterns) {
      if (this.#methods.some((method) => matchesPattern(pattern, method))) continue;
      const written = printPattern(pattern);
      const message = `${written} matches no method of this server`;
      this.#error(field, "selector-matches-nothing", message, this.#meant(written));
    }
    return selector;
  }

  #meant(written: string): string {
    if (this.#methods.some((method) => method.startsWith(`${written}.`)))
      return `It names a service or package: write ${written}.* for all its methods`;
    const close = didYouMean(written, this.#methods);
    return close === undefined
      ? `Methods of this server: ${this.#methods.join(", ")}`
      : `Did you mean ${close}?`;
  }

  #allow(rule: FieldNode, field: FieldNode | undefined): readonly Member[] | undefined {
    const items = field === undefined ? [] : readItems(field, exampleAllow, this.#problems);
    if (items?.length === 0) {
      const hint = `Write ${exampleAllow}; a method that no rule matches is denied to everybody`;
      this.#error(field ?? rule, "empty-allow", "the rule allows nobody", hint);
    }
    return items?.flatMap((item) => this.#member(item));
  }

  #member(item: FieldNode): readonly Member[] {
    const text = readText(item, "user:ada@example.com", this.#problems);
    if (text === undefined) return [];
    const member = parseMember(text);
    if (!("fault" in member)) return [member];
    this.#error(item, "member-syntax", member.fault, member.hint);
    return [];
  }

  #error({ node, path }: FieldNode, code: string, message: string, hint: string): void {
    this.#problems.error(node.at, { code, message, path, hint });
  }
}

import type { Message } from "@bufbuild/protobuf";
import { type Apis, selectorOf } from "./apis.ts";
import { didYouMean } from "./did-you-mean.ts";
import type { Places } from "./places.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote } from "./read-scalar.ts";
import { matchesPattern, parseSelector, printPattern, type SelectorPattern } from "./selector.ts";

/** A rule of any kind: backend, authentication, usage, http, … */
export type Rule = Message & { readonly selector: string };

export interface ResolvedRules<R extends Rule> {
  /** By full method name. */
  readonly winners: ReadonlyMap<string, R>;
  /** False: a selector could not be read, so a method without a rule may have one in its author's mind. */
  readonly complete: boolean;
}

/**
 * Which rule of one list decides about each method: the last one whose selector matches (SEL-2, SEL-3). Selectors that
 * are faulty, match nothing, or can never win are problems.
 *
 * @param kind for messages: "backend", "authentication", …
 */
export function resolveRules<R extends Rule>(
  kind: string,
  rules: readonly R[],
  apis: Apis,
  places: Places,
  problems: ProblemList,
): ResolvedRules<R> {
  const names = apis.methods.map(selectorOf);
  const known = new Set(names);
  const winners = new Map<string, R>();
  let complete = true;
  // From the end: the first to claim a method keeps it.
  for (const rule of rules.toReversed()) {
    const patterns = patternsOf(kind, rule, places, problems);
    if (patterns.length === 0) complete = false;
    let wins = false;
    let shadow: R | undefined;
    for (const pattern of patterns) {
      const matched = matchedNames(pattern, names, known);
      if (matched.length === 0) warnUnmatched(kind, rule, pattern, apis, places, problems);
      for (const name of matched) {
        const winner = winners.get(name);
        if (winner === undefined) winners.set(name, rule);
        if (winner === undefined || winner === rule) wins = true;
        else shadow ??= winner;
      }
    }
    const isDefault = patterns.some((pattern) => pattern.kind === "all");
    if (!wins && !isDefault && shadow !== undefined) warnShadowed(rule, shadow, places, problems);
  }
  return { winners, complete };
}

function patternsOf(
  kind: string,
  rule: Rule,
  places: Places,
  problems: ProblemList,
): readonly SelectorPattern[] {
  const { at, path, faulty } = places.field(rule, "selector");
  if (faulty) return [];
  if (rule.selector === "") {
    const message = `this ${kind} rule has no selector`;
    const hint = 'Write selector: "*" for every method, or pkg.Service.Method';
    problems.error(at, { code: "missing-field", message, path, hint });
    return [];
  }
  const selector = parseSelector(rule.selector);
  if ("patterns" in selector) return selector.patterns;
  const message = `${kind} rule has bad syntax in selector ${quote(rule.selector)}: ${selector.fault}`;
  problems.error(at, { code: "selector-syntax", message, path, hint: selector.hint });
  return [];
}

function matchedNames(
  pattern: SelectorPattern,
  names: readonly string[],
  known: ReadonlySet<string>,
): readonly string[] {
  if (pattern.kind === "all") return names;
  if (pattern.kind === "method") return known.has(pattern.name) ? [pattern.name] : [];
  return names.filter((name) => matchesPattern(pattern, name));
}

/** A warning, as Google's compiler gives it: the rule is only without effect. */
function warnUnmatched(
  kind: string,
  rule: Rule,
  pattern: SelectorPattern,
  apis: Apis,
  places: Places,
  problems: ProblemList,
): void {
  // "*" never warns; and where an API is missing, its rules are right to match nothing.
  if (pattern.kind === "all" || !apis.complete || problems.isFull) return;
  const { at, path } = places.field(rule, "selector");
  const message = `${kind} rule: ${quote(printPattern(pattern))} matches no method of the listed APIs`;
  const hint = hintFor(pattern, apis);
  problems.warning(at, { code: "selector-matches-nothing", message, path, hint });
}

function hintFor(pattern: Exclude<SelectorPattern, { kind: "all" }>, apis: Apis): string {
  const written = printPattern(pattern);
  const names = apis.methods.map(selectorOf);
  if (names.some((name) => name.startsWith(`${written}.`))) {
    return `It names a service or package: write ${written}.* for all its methods`;
  }
  const hidden = apis.hiddenServices.find(
    ({ typeName }) => written === typeName || written.startsWith(`${typeName}.`),
  );
  if (hidden !== undefined) {
    return `The image has ${hidden.typeName}, but apis does not list it: add - name: ${hidden.typeName}`;
  }
  const close = didYouMean(written, [
    ...names,
    ...apis.methods.map(({ parent }) => `${parent.typeName}.*`),
  ]);
  return close === undefined ? `Methods are named like ${names[0]}` : `Did you mean ${close}?`;
}

function warnShadowed(rule: Rule, winner: Rule, places: Places, problems: ProblemList): void {
  const { at, path } = places.field(rule, "selector");
  const line = places.of(winner).at.line;
  problems.warning(at, {
    code: "rule-shadowed",
    message: `this rule never applies: the last rule that matches wins, and line ${line} matches too`,
    path,
    hint: `Move it below the rule with selector ${quote(winner.selector)}`,
  });
}

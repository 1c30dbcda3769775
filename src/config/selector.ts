/**
 * Which methods a rule is about: `*`, a prefix `pkg.Service.*`, a full method name, or a comma-separated list of these
 * (SEL-1). Case-sensitive (SEL-4).
 * @see google/api/documentation.proto, "selector"
 */
export interface Selector {
  /** As written. */
  readonly text: string;
  readonly patterns: readonly SelectorPattern[];
}

export type SelectorPattern =
  | { readonly kind: "all" }
  /** `prefix` ends in "." */
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "method"; readonly name: string };

export interface SelectorFault {
  readonly fault: string;
  /** What to write instead. */
  readonly hint: string;
}

/** Longest selector, characters. */
const MAX_LENGTH = 64 * 1024;
const NAME = /^\w+(\.\w+)*$/;

/** Read a selector; a fault where it is none. */
export function parseSelector(text: string): Selector | SelectorFault {
  if (text.length > MAX_LENGTH) {
    return { fault: `longer than ${MAX_LENGTH} characters`, hint: "Write several rules" };
  }
  const patterns: SelectorPattern[] = [];
  for (const part of text.split(",")) {
    const pattern = parsePattern(part.trim());
    if ("fault" in pattern) return pattern;
    patterns.push(pattern);
  }
  return { text, patterns };
}

function parsePattern(part: string): SelectorPattern | SelectorFault {
  if (part === "*") return { kind: "all" };
  if (NAME.test(part)) return { kind: "method", name: part };
  const prefix = part.slice(0, -1);
  if (part.endsWith(".*") && NAME.test(prefix.slice(0, -1))) return { kind: "prefix", prefix };
  const example = "pkg.Service.Method, pkg.Service.* or *";
  if (part === "") return { fault: "a part of it is empty", hint: `Write ${example}` };
  if (part.includes("/")) {
    const dotted = part.replace(/^\//, "").replaceAll("/", ".");
    return { fault: `${part} has slashes`, hint: `Selectors have dots only: ${dotted}` };
  }
  if (part.includes("*")) {
    const hint = `A * stands for the whole last part or for everything: write ${example}`;
    return { fault: `the wildcard in ${part} is misplaced`, hint };
  }
  return { fault: `${part} is no name with dots`, hint: `Write ${example}` };
}

/** Whether a rule with this selector is about the method, named as `pkg.Service.Method`. */
export function matches(selector: Selector, method: string): boolean {
  return selector.patterns.some((pattern) => matchesPattern(pattern, method));
}

/** A wildcard stands for one part or more: names never end in a dot. */
export function matchesPattern(pattern: SelectorPattern, method: string): boolean {
  switch (pattern.kind) {
    case "all":
      return true;
    case "prefix":
      return method.startsWith(pattern.prefix);
    case "method":
      return method === pattern.name;
  }
}

/** As written, for messages. */
export function printPattern(pattern: SelectorPattern): string {
  if (pattern.kind === "all") return "*";
  return pattern.kind === "prefix" ? `${pattern.prefix}*` : pattern.name;
}

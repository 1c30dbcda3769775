import type { ConfigProblem, Position } from "./problem.ts";

/** Enough for any honest mistake; against: a file of a million faults. */
export const MAX_PROBLEMS = 100;

/** What a check says about one fault: all of a ConfigProblem but severity and place. */
export interface Fault {
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
  /** Field path in proto names. */
  readonly path: string;
  /** What to write instead. */
  readonly hint: string;
}

/** Problems of one file, gathered by every check that reads it; the first MAX_PROBLEMS are kept. */
export class ProblemList {
  readonly #problems: ConfigProblem[] = [];
  #errors = 0;

  error(at: Position, fault: Fault): void {
    this.#errors++;
    this.#add({ severity: "error", at, ...fault });
  }

  warning(at: Position, fault: Fault): void {
    this.#add({ severity: "warning", at, ...fault });
  }

  addAll(problems: readonly ConfigProblem[]): void {
    for (const problem of problems) {
      if (problem.severity === "error") this.#errors++;
      this.#add(problem);
    }
  }

  /** More would not be kept: skip what is costly to word. */
  get isFull(): boolean {
    return this.#problems.length >= MAX_PROBLEMS;
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** In reading order of the file; problems of one place in the order they were found. */
  sorted(): readonly ConfigProblem[] {
    return this.#problems.toSorted(
      ({ at: a }, { at: b }) => a.line - b.line || a.column - b.column,
    );
  }

  #add(problem: ConfigProblem): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }
}

/** A place in a file the user wrote. */
export interface Position {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

/** A mistake in a file the user wrote: where, what is wrong, what to write instead. All are reported, not the first. */
export interface ConfigProblem {
  readonly severity: "error" | "warning";
  /** Stable, kebab-case: unknown-field, unset-variable, … */
  readonly code: string;
  readonly message: string;
  readonly at: Position;
  /** Field path in proto names, e.g. backend.rules[0].address; "" for the document. */
  readonly path: string;
  /** What to write instead. */
  readonly hint: string;
}

/** file:line:column, as editors open it. */
export function placeOf({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

/** One problem as two lines: place and fault, then what to write. */
export function printProblem({ severity, message, at, path, hint }: ConfigProblem): string {
  const where = path === "" ? "" : ` (${path})`;
  return `${placeOf(at)}: ${severity}: ${message}${where}${hint === "" ? "" : `\n  ${hint}`}`;
}

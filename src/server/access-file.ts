import { readFileSync, statSync } from "node:fs";
import type { ConfigProblem } from "../config/problem.ts";
import { printProblem } from "../config/problem.ts";
import type { AccessRules } from "./access-rules.ts";
import { readAccess } from "./read-access.ts";

export interface AccessFileOptions {
  readonly file: string;
  /** Selectors of every method of the server: `methodsOf(routes)`. */
  readonly methods: readonly string[];
  /** For `$NAME` in the file. */
  readonly values: Readonly<Record<string, string>>;
  /** What a reload said: new rules, or why the old ones stay. Never at the first read. */
  readonly onReload?: (severity: "INFO" | "ERROR", message: string) => void;
  /** How often to look for a change, milliseconds; default 250. Polled: rename, mounts and editors are then all alike. */
  readonly pollMs?: number;
}

/** access.yaml as it is on disk now: a broken file keeps the rules that held before it. Dispose to stop looking. */
export interface AccessFile extends Disposable {
  readonly rules: AccessRules;
}

/** The file cannot be used; every problem with its place and what to write instead. */
export class AccessFileError extends Error {
  override readonly name = "AccessFileError";
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(problems.length === 0 ? `${file} cannot be read` : problems.map(printProblem).join("\n"));
    this.problems = problems;
  }
}

/** Read access.yaml and follow its changes. Throws AccessFileError where the first version cannot be used. */
export function openAccessFile(options: AccessFileOptions): AccessFile {
  const { file, methods, values, onReload, pollMs = 250 } = options;
  const load = (): AccessRules => {
    const { rules, problems } = readAccess(file, readText(file), methods, values);
    if (rules === undefined) throw new AccessFileError(file, problems);
    return rules;
  };
  // Before the first read: what is written after it is seen as a change.
  let version = versionOf(file);
  let rules = load();
  const reload = (): void => {
    try {
      rules = load();
      onReload?.("INFO", `${file} changed: ${rules.rules.length} rules hold from now on`);
    } catch (error) {
      if (!(error instanceof AccessFileError)) throw error;
      onReload?.("ERROR", `${error.message}\n${file} changed, but the rules from before stay`);
    }
  };
  const timer = setInterval(() => {
    const seen = versionOf(file);
    if (seen === version) return;
    version = seen;
    reload();
  }, pollMs);
  timer.unref();
  return {
    get rules() {
      return rules;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Changes with every write and replacement; "" where there is no such file. */
function versionOf(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AccessFileError(file, [
      {
        severity: "error",
        code: "unreadable",
        message: `the file cannot be read: ${reason}`,
        at: { file, line: 1, column: 1 },
        path: "",
        hint: "Name an existing file with --access",
      },
    ]);
  }
}

import { join } from "node:path";
import { runPeer } from "../../peers/run-peer.ts";

/** One run of the suite; the suite has none of its own. */
const SUITE_MS = 240_000;

/** What connectconformance said of one run. */
export interface SuiteResult {
  readonly total: number;
  /** Names of the cases that failed, with what it said about each. */
  readonly failed: ReadonlyMap<string, string>;
  /** Of the failed: cases that nothing ever answered. */
  readonly unanswered: readonly string[];
  /** Cases that were not run, because what is under test died or was cut off. */
  readonly notRun: number;
  /** The run's own last words, for a result that makes no sense. */
  readonly ended: string;
}

/**
 * Run Connect's conformance suite, gRPC over HTTP/2 in cleartext and over TLS, against a command under test.
 * `program` is connectconformance; `mode` says what `command` is.
 */
export async function runSuite(
  program: string,
  mode: "server" | "client",
  command: readonly string[],
): Promise<SuiteResult> {
  const conf = join(import.meta.dirname, "suite.yaml");
  const { code, output } = await runPeer(
    program,
    ["--conf", conf, "--mode", mode, "--", ...command],
    { timeoutMs: SUITE_MS },
  );
  const ended = code === undefined ? `cut off after ${SUITE_MS} ms` : `exit ${code}`;
  const failed = failures(output);
  return {
    total: Number(/^Total cases: (\d+)/m.exec(output)?.[1] ?? 0),
    failed,
    unanswered: [...failed].filter(([, why]) => /no outcome ever/.test(why)).map(([name]) => name),
    notRun: Number(/^Another (\d+) could not be run/m.exec(output)?.[1] ?? 0),
    ended: `${ended}: ${output.slice(-500)}`,
  };
}

/** "FAILED: NAME:" and, indented below it, why. */
function failures(output: string): Map<string, string> {
  const failed = new Map<string, string>();
  for (const [, name = "", why = ""] of output.matchAll(/^FAILED: (.*):\n((?:\t.*\n?)*)/gm)) {
    failed.set(name, why.trim());
  }
  return failed;
}

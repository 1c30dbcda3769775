import type { RevisionSpec } from "./read-revision.ts";

/** One container that is to run. */
export interface LaunchRequest {
  readonly revision: RevisionSpec;
  /** Lower-case hex, 16 digits. */
  readonly instanceId: string;
  /** Where it has to listen. */
  readonly port: number;
  /** Cloud Run's variables and the container's own, e.g. PORT, K_REVISION, GCE_METADATA_HOST. */
  readonly env: Readonly<Record<string, string>>;
  /** Each line that it writes. What it writes next is not read before a returned promise is settled. */
  readonly onLine: (stream: "stdout" | "stderr", text: string) => void | Promise<void>;
}

/** A container that runs. */
export interface Launched {
  /** Of the process that leads its group; undefined where it is none. */
  readonly pid?: number | undefined;
  /** Resolves when nothing of it runs any more, with how it ended, e.g. "exit code 1". Never rejects. */
  readonly exited: Promise<string>;
  /** SIGTERM now, SIGKILL after `graceMs`; resolves when nothing of it runs any more. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts a container: a process of this machine, or, in a test, something in this one. It never throws: what cannot
 * be started has exited.
 */
export type Launch = (request: LaunchRequest) => Launched;

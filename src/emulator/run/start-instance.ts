import type { UpstreamPool } from "../../http2/client.ts";
import { awaitPort } from "./await-port.ts";
import type { Launch, Launched } from "./launch.ts";
import { LastLines } from "./log-lines.ts";
import type { RevisionSpec } from "./read-revision.ts";

/** One line that an instance wrote. */
export interface LogLine {
  readonly service: string;
  readonly revision: string;
  readonly instanceId: string;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** What an instance needs of the world around it. */
export interface InstanceWorld {
  readonly launch: Launch;
  readonly openPool: (port: number) => UpstreamPool;
  /** A metadata server of its own, with this id and identity. */
  readonly startMetadata: (instance: {
    readonly instanceId: string;
    readonly email: string;
  }) => Promise<{ readonly host: string } & AsyncDisposable>;
  /** The instance reads no further output before a returned promise is settled. */
  readonly onLog: (line: LogLine) => void | Promise<void>;
}

/** A container that could not be started, or ended by itself: what happened, and what it last wrote. */
export class ContainerFailure extends Error {
  override readonly name = "ContainerFailure";
  readonly lastLines: readonly string[];

  constructor(message: string, lastLines: readonly string[]) {
    super([message, ...lastLines.map((line) => `  ${line}`)].join("\n"));
    this.lastLines = lastLines;
  }
}

/** A container that listens. */
export interface Instance {
  readonly id: string;
  readonly port: number;
  /** Of its process; undefined where it is none. */
  readonly pid: number | undefined;
  readonly pool: UpstreamPool;
  /** RPCs that it has now; counted by whoever gives them to it. */
  inFlight: number;
  /** When it last had none. */
  idleSinceMs: number;
  /** It took no connection a moment ago: others are asked first until then. */
  avoidUntilMs: number;
  /** What it last wrote. */
  readonly lastLines: readonly string[];
  /** Resolves when it has ended, with the reason. Never rejects. */
  readonly ended: Promise<ContainerFailure>;
  /** SIGTERM, then SIGKILL after `graceMs`; resolves when nothing of it is left. For one that has ended, too. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Start one container and wait until it listens. Rejects with a ContainerFailure when it ended before, or did not
 * listen within the revision's `startupMs`; with the reason of `signal` when that aborts. Nothing is left then.
 */
export async function startInstance(
  revision: RevisionSpec,
  place: { readonly id: string; readonly port: number; readonly nowMs: number },
  world: InstanceWorld,
  signal: AbortSignal,
): Promise<Instance> {
  const { id, port } = place;
  const { service, revision: name } = revision;
  const metadata = await world.startMetadata({ instanceId: id, email: revision.serviceAccount });
  const last = new LastLines();
  const launched = world.launch({
    revision,
    instanceId: id,
    port,
    env: {
      ...revision.env,
      PORT: String(port),
      K_SERVICE: service,
      K_REVISION: name,
      K_CONFIGURATION: service,
      GCE_METADATA_HOST: metadata.host,
    },
    onLine(stream, text) {
      last.add(text);
      return world.onLog({ service, revision: name, instanceId: id, stream, text });
    },
  });
  try {
    await untilListening(revision, port, launched, last, signal);
  } catch (cause) {
    await launched.stop(0);
    await metadata[Symbol.asyncDispose]();
    throw cause;
  }
  const pool = world.openPool(port);
  const ended = launched.exited.then(
    (how) => new ContainerFailure(`instance ${id} of ${name} ended: ${how}`, last.all),
  );
  const cleaned = ended.then(async () => {
    await pool[Symbol.asyncDispose]();
    await metadata[Symbol.asyncDispose]();
  });
  return {
    id,
    port,
    pid: launched.pid,
    pool,
    inFlight: 0,
    idleSinceMs: place.nowMs,
    avoidUntilMs: 0,
    get lastLines() {
      return last.all;
    },
    ended,
    async stop(graceMs) {
      await launched.stop(graceMs);
      await cleaned;
    },
  };
}

async function untilListening(
  revision: RevisionSpec,
  port: number,
  launched: Launched,
  last: LastLines,
  signal: AbortSignal,
): Promise<void> {
  const probe = new AbortController();
  const tooLate = AbortSignal.timeout(revision.startupMs);
  const exited = launched.exited.then((how) => {
    probe.abort();
    return how;
  });
  const isOpen = await awaitPort(port, AbortSignal.any([probe.signal, tooLate, signal]));
  signal.throwIfAborted();
  if (isOpen && !probe.signal.aborted) return;
  const how = probe.signal.aborted
    ? await exited
    : `it was not listening after ${revision.startupMs / 1000} s`;
  throw new ContainerFailure(
    `Revision '${revision.revision}' is not ready and cannot serve traffic. The user-provided container failed to start and listen on the port defined provided by the PORT=${port} environment variable within the allocated timeout. (${how})`,
    last.all,
  );
}

import { freePort } from "./free-port.ts";
import { instanceId } from "./random-names.ts";
import type { RevisionSpec } from "./read-revision.ts";
import { type Instance, type InstanceWorld, startInstance } from "./start-instance.ts";

export interface StartAnotherOptions {
  readonly spec: RevisionSpec;
  readonly world: InstanceWorld;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** Ports promised to instances of this emulator that do not listen yet. */
  readonly portsInUse: Set<number>;
}

/** Start one more instance of a revision, at a free port, under an id of its own. Rejects as startInstance does. */
export async function startAnother(
  { spec, world, nowMs, random, portsInUse }: StartAnotherOptions,
  signal: AbortSignal,
): Promise<Instance> {
  const port = await freePort(random, portsInUse);
  portsInUse.add(port);
  try {
    const place = { id: instanceId(random), port, nowMs: nowMs() };
    return await startInstance(spec, place, world, signal);
  } finally {
    portsInUse.delete(port);
  }
}

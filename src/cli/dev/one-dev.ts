import { rmSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../command.ts";
import {
  claimDevState,
  type DevState,
  openStateFolder,
  readDevState,
  releaseDevState,
} from "./dev-state.ts";
import { findRunningDev } from "./running-dev.ts";

export interface StateClaim extends AsyncDisposable {
  /** Give it up at once, for a process that ends without the time to dispose. */
  drop(): void;
}

/** Be the one dev of a state folder until disposed. Throws InputError when another one is. */
export async function claimState(
  stateDir: string,
  shown: string,
  state: DevState,
): Promise<StateClaim> {
  await openStateFolder(stateDir);
  if (!(await claimDevState(stateDir, state))) {
    const other = await findRunningDev(stateDir);
    if (other !== undefined) {
      const where =
        other === "starting"
          ? "is starting"
          : `runs at ${other.facts.gateway} (process ${other.pid})`;
      throw new InputError(
        `callpath dev ${where} with ${shown} already: end it, or start this one with --state DIR`,
      );
    }
    // Its owner is gone: killed, or the machine was.
    const stale = await readDevState(stateDir);
    if (stale === undefined) rmSync(join(stateDir, "dev.json"), { force: true });
    else await releaseDevState(stateDir, stale.secret);
    if (!(await claimDevState(stateDir, state)))
      throw new InputError(`another callpath dev starts with ${shown} just now`);
  }
  return {
    drop: () => rmSync(join(stateDir, "dev.json"), { force: true }),
    [Symbol.asyncDispose]: () => releaseDevState(stateDir, state.secret),
  };
}

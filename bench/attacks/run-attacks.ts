import type { Surroundings } from "../surroundings.ts";
import type { TargetName } from "../targets/target.ts";
import { attacks } from "./attacks.ts";
import { attackReport } from "./report.ts";
import { type AttackFigures, runAttack } from "./run-attack.ts";

export interface RunAttacksOptions {
  /** Parts of attack names; empty: all. */
  readonly only: readonly string[];
  /** Of each attack that has no length of its own. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  readonly print: (text: string) => void;
}

/** Who is attacked, in the order of the report. */
const attackedTargets: readonly TargetName[] = ["callpath", "envoy"];

/** Every attack on every target, one after the other. Rejects when `only` names none. */
export async function runAttacks(
  around: Surroundings,
  { only, seconds, signal, progress, print }: RunAttacksOptions,
): Promise<readonly AttackFigures[]> {
  const chosen = attacks.filter(
    ({ name }) => only.length === 0 || only.some((part) => name.includes(part)),
  );
  if (chosen.length === 0) throw new Error(`--only ${only.join(", ")}: no attack has such a name`);
  const all: AttackFigures[] = [];
  for (const attack of chosen) {
    const figures: AttackFigures[] = [];
    for (const target of attackedTargets) {
      signal.throwIfAborted();
      progress(`${attack.name} on ${target}`);
      const longS = attack.seconds ?? seconds;
      figures.push(await runAttack({ around, target, attack, seconds: longS, signal }));
    }
    progress("");
    print(`${attackReport(attack, figures)}\n`);
    all.push(...figures);
  }
  return all;
}

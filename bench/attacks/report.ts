import type { Machine } from "../report/machine.ts";
import { inDigits, table } from "../report/table.ts";
import { targetTitles } from "../targets/target.ts";
import type { Attack } from "./attack.ts";
import { attacks } from "./attacks.ts";
import type { Seen } from "./caller.ts";
import type { AttackFigures } from "./run-attack.ts";

const header = [
  "",
  "calls lost",
  "p50 ms",
  "p99 ms before",
  "during",
  "worst",
  "after",
  "MiB before",
  "during",
  "after",
  "cores",
  "sent",
  "connections",
  "ended",
];

/** One attack: a row a target. */
export function attackReport(attack: Attack, figures: readonly AttackFigures[]): string {
  const rows = figures.map(rowOf);
  const lines = [`${attack.name}: ${attack.sent}`, indented(table([header, ...rows]))];
  for (const { target, died, during, after } of figures) {
    const failure = during.failure || after.failure;
    if (failure !== "") lines.push(`  LOST: ${target}: ${failure}`);
    if (died !== undefined) lines.push(`  DIED: ${target}: ${died.slice(0, 300)}`);
  }
  return lines.join("\n");
}

/** All of a run, as it is kept; three digits that count. */
export function attacksJson(run: {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly figures: readonly AttackFigures[];
}): string {
  const sent = Object.fromEntries(attacks.map((attack) => [attack.name, attack.sent]));
  const rounded = (_key: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(3)) : value;
  return `${JSON.stringify({ ...run, sent }, rounded, 2)}\n`;
}

function rowOf({ target, attacked, memoryMb, cores, ...seen }: AttackFigures): string[] {
  const { before, during, after } = seen;
  const lost = (one: Seen) => (one.lost === 0 ? "0" : `${one.lost} of ${one.calls}`);
  const goaways = Object.entries(attacked.goaways).map(([code, count]) => `${count} x ${code}`);
  return [
    targetTitles[target],
    after.lost === 0 ? lost(during) : `${lost(during)} + ${lost(after)}`,
    inDigits(during.p50Ms),
    inDigits(before.p99Ms),
    inDigits(during.p99Ms),
    inDigits(during.worstMs),
    inDigits(after.p99Ms),
    inDigits(memoryMb.before),
    inDigits(memoryMb.during),
    inDigits(memoryMb.after),
    inDigits(cores),
    attacked.units.toLocaleString("en-US"),
    attacked.connections.toLocaleString("en-US"),
    `${attacked.ended.toLocaleString("en-US")}${goaways.length > 0 ? ` (GOAWAY ${goaways.join(", ")})` : ""}`,
  ];
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}

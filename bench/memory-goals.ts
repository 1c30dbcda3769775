import type { MemoryFigures } from "./memory.ts";

export interface MemoryVerdict {
  readonly what: string;
  readonly value: number;
  readonly atMost: number;
  readonly unit: "bytes" | "MiB";
  readonly isMet: boolean;
}

const KIB = 1024;

/** What our own engine is held to: resident memory, as the operating system counts it. */
export function memoryGoals(figures: readonly MemoryFigures[]): readonly MemoryVerdict[] {
  const ours = figures.find(({ target }) => target === "callpath");
  if (ours === undefined) return [];
  const verdict = (what: string, value: number, atMost: number, unit: "bytes" | "MiB") => ({
    what,
    value,
    atMost,
    unit,
    isMet: value <= atMost,
  });
  return [
    verdict("idle connection", ours.connectionBytes, 9 * KIB, "bytes"),
    verdict("open idle call", ours.exchangeBytes, 2 * KIB, "bytes"),
    verdict(
      "left of 5,000 closed connections, garbage collected",
      ours.leftCollectedMb ?? ours.leftMb,
      30,
      "MiB",
    ),
  ];
}

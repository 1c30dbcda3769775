import { UsageError } from "./command.ts";

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `5s`, `1.5m` in milliseconds. Throws UsageError naming the flag. */
export function parseDuration(flag: string, text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (unitsMs[unit] ?? 0);
  if (!(ms >= 1)) throw new UsageError(`--${flag} ${text}: write a duration as 500ms, 5s or 2m`);
  return Math.round(ms);
}

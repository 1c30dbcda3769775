import type { LogLine } from "../../emulator/run/start-instance.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";

export interface ServerLogOptions {
  readonly onTraffic: (event: TrafficEvent) => void;
  /** What a person should read: warnings, errors, and what the program printed itself. */
  readonly show: (line: string) => void;
  readonly nowMs: () => number;
}

/** Instances say the same at the same time: one line of them is enough. */
const SAME_WITHIN_MS = 2000;
/** How many lines are remembered for that. */
const MAX_REMEMBERED = 200;

/** Reads instances' output as Cloud Logging does: a line of JSON is an entry, any other line is text. */
export function serverLog({ onTraffic, show, nowMs }: ServerLogOptions): (line: LogLine) => void {
  const shownAtMs = new Map<string, number>();
  const showOnce = (text: string): void => {
    const now = nowMs();
    const last = shownAtMs.get(text);
    shownAtMs.delete(text);
    shownAtMs.set(text, now);
    const [oldest] = shownAtMs.keys();
    if (shownAtMs.size > MAX_REMEMBERED && oldest !== undefined) shownAtMs.delete(oldest);
    if (last === undefined || now - last > SAME_WITHIN_MS) show(text);
  };
  return ({ text }) => {
    const entry = readEntry(text);
    if (entry === undefined) {
      if (text.trim() !== "") showOnce(`server  ${text}`);
      return;
    }
    const { callpath, severity, message } = entry;
    if (isTraffic(callpath)) onTraffic(callpath);
    else if (severity !== "INFO" && severity !== "DEBUG") showOnce(`server  ${String(message)}`);
    else if (typeof message === "string" && !routine.test(message)) showOnce(`server  ${message}`);
  };
}

/** What every instance says at start and end. */
const routine = /^(listening|stopping)\b/;

function readEntry(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Anything may print JSON: an event is one that has what an event must have. */
function isTraffic(value: unknown): value is TrafficEvent {
  if (typeof value !== "object" || value === null) return false;
  const { hop, path, startedAtMs, durationMs } = value as Partial<TrafficEvent>;
  const isCall = typeof path === "string" && typeof startedAtMs === "number";
  return hop === "server" && isCall && typeof durationMs === "number";
}

/** Workers that share a fetch fail and recover within this of each other. */
const TOGETHER_MS = 2_000;
/** Messages remembered. Against: messages that are all different. */
const MAX_REMEMBERED = 100;

/** Says what several workers say within a moment only once. */
export function saidOnce(say: (text: string) => void, nowMs: () => number): (text: string) => void {
  const saidAtMs = new Map<string, number>();
  return (text) => {
    const now = nowMs();
    const before = saidAtMs.get(text);
    if (before !== undefined && now >= before && now < before + TOGETHER_MS) return;
    saidAtMs.delete(text);
    saidAtMs.set(text, now);
    const [oldest] = saidAtMs.keys();
    if (saidAtMs.size > MAX_REMEMBERED && oldest !== undefined) saidAtMs.delete(oldest);
    say(text);
  };
}

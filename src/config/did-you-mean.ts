/** The name that was most likely meant: close in spelling, or the same but for case and `_`. undefined: none is close. */
export function didYouMean(written: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(written.length / 3)) + 1;
  let candidates = 0;
  for (const name of known) {
    if (++candidates > MAX_CANDIDATES) break;
    if (squash(name) === squash(written)) return name;
    if (Math.abs(name.length - written.length) >= bestDistance) continue;
    const distance = editDistance(written.toLowerCase(), name.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

function squash(name: string): string {
  return name.replaceAll(/[_-]/g, "").toLowerCase();
}

/** Against: images with ten thousand methods. */
const MAX_CANDIDATES = 1000;
/** Against: names of a megabyte. */
const MAX_NAME_LENGTH = 100;

/** Insertions, deletions, replacements and swaps of neighbours from one to the other; `limit` where it is not less. */
function editDistance(a: string, b: string, limit: number): number {
  if (a.length > MAX_NAME_LENGTH || b.length > MAX_NAME_LENGTH) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? (beforeLast[j - 2] ?? 0) + 1 : limit;
      row.push(Math.min(replace, swap, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    beforeLast = last;
    last = row;
  }
  return Math.min(limit, last[b.length] ?? limit);
}

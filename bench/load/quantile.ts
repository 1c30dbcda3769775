/** What that part of the numbers does not exceed; 0 of none. @param sorted ascending */
export function quantile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
}

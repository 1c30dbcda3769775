/**
 * AP-3: whether the gateway takes one audience for another: a leading http:// or https:// and one trailing slash play
 * no part, everything else does.
 */
export function sameAudience(accepted: string, seen: string): boolean {
  return accepted === seen || bare(accepted) === bare(seen);
}

function bare(audience: string): string {
  const start = audience.startsWith("https://") ? 8 : audience.startsWith("http://") ? 7 : 0;
  const end = audience.endsWith("/") ? audience.length - 1 : audience.length;
  return audience.slice(start, Math.max(start, end));
}

/** AP-2: any of the token's audiences, any of the accepted. */
export function isAudienceAllowed(accepted: readonly string[], seen: readonly string[]): boolean {
  for (const one of seen) {
    for (const other of accepted) if (sameAudience(other, one)) return true;
  }
  return false;
}

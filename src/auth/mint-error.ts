/** What a token source asked for, and what became of it. */
export interface MintFailure {
  readonly audience: string;
  /** Who was asked: an address, a file. */
  readonly from: string;
  /** What happened, in one sentence without a full stop; never a token or key. */
  readonly why: string;
  /** What the reader can do, as one sentence. */
  readonly fix: string;
  /** Asking again soon may help: the network, an overloaded issuer. */
  readonly isTransient?: boolean;
  readonly cause?: unknown;
}

/** No ID token was minted. The message names audience, place, reason and fix. */
export class MintError extends Error {
  readonly isTransient: boolean;
  readonly fix: string;

  constructor({ audience, from, why, fix, isTransient = false, cause }: MintFailure) {
    super(`no ID token for audience "${audience}" from ${from}: ${why}. ${fix}`, { cause });
    this.name = "MintError";
    this.isTransient = isTransient;
    this.fix = fix;
  }
}

/** An HTTP status that may change by itself. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** What a refusing server said, short enough for one line and without anything that looks like a token. */
export function excerpt(text: string): string {
  const line = text
    .replace(/[\w-]{16,}\.[\w-]{16,}(\.[\w-]*)?/g, "(a token)")
    .replace(/ya29\.[\w.-]+/g, "(a token)")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  if (line === "") return "(no text)";
  return line.length > maxExcerpt ? `${line.slice(0, maxExcerpt)}…` : line;
}

const maxExcerpt = 300;

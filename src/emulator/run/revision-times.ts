/** Bounds in time of a revision's life. */
export interface RevisionTimes {
  /** From SIGTERM to SIGKILL: 10 s on Cloud Run. */
  readonly graceMs: number;
  /** An instance above the minimum that had no call for this long is stopped: up to 15 min on Cloud Run. */
  readonly idleMs: number;
  /** A call waits at most this long for an instance that has room, while none is starting: 10 s. */
  readonly queueMs: number;
  /** Pause before the second start in a row after a failure; doubles up to `longestPauseMs`. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** An instance that lived this long and then crashed is restarted at once. */
  readonly stableMs: number;
}

export const defaultRevisionTimes: RevisionTimes = {
  graceMs: 10_000,
  idleMs: 15 * 60_000,
  queueMs: 10_000,
  firstPauseMs: 250,
  longestPauseMs: 10_000,
  stableMs: 10_000,
};

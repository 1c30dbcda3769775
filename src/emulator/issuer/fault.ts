/** What a test makes a local Google server do wrong; all fields together, for every request that `path` matches. */
export interface Fault {
  /** Answer 503. */
  readonly down?: boolean;
  /** Close the connection without an answer. */
  readonly cut?: boolean;
  /** Answer this much later. */
  readonly slowMs?: number;
  /** Answer 200, but not the truth. A lie that does not fit the request changes nothing. */
  readonly lie?: Lie;
  /** Only requests whose path this matches; default all. */
  readonly path?: RegExp;
}

/**
 * `not-json`: HTML where JSON or a token is due. `huge`: 32 MiB of blanks. `no-keys`: an empty key set.
 * `other-keys`: the right key ids with keys nobody signs with. `wrong-audience`, `expired`: such an ID token.
 * `illegal-token`: a token with characters no header may carry.
 */
export type Lie =
  | "not-json"
  | "huge"
  | "no-keys"
  | "other-keys"
  | "wrong-audience"
  | "expired"
  | "illegal-token";

/** The fault as far as it concerns this path. */
export function faultFor(fault: Fault | undefined, path: string): Fault {
  return fault === undefined || fault.path?.test(path) === false ? {} : fault;
}

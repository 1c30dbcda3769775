/** A minted OIDC ID token. */
export interface IdToken {
  /** The compact JWT: never printed, never logged. */
  readonly value: string;
  /** Its `exp`, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/**
 * Mints an ID token for an audience. Rejects with an Error whose message names what was asked, where, and the fix;
 * never the token or key.
 */
export type TokenSource = (audience: string, signal?: AbortSignal) => Promise<IdToken>;

import type { KeySet } from "../../auth/key-set.ts";
import type { ParsedToken } from "../../auth/parse-token.ts";
import type { SignatureFault } from "../../auth/verify-signature.ts";

/** What stays of a token once its signature was looked at. */
export type CheckedToken = Pick<ParsedToken, "header" | "claims" | "payloadSegment">;

/**
 * What a signature check said about a token. True for ever, of these bytes and this key set; time, audience and
 * issuer are none of it.
 */
export interface SeenToken {
  readonly token: CheckedToken;
  readonly keySet: KeySet;
  /** undefined: the signature is good. */
  readonly fault: SignatureFault | undefined;
  /** The signature is the words that Cloud Run puts in its place. */
  readonly isSignatureRemoved: boolean;
}

/** JV-8: tokens kept of one key set. */
export const maxVerifiedTokens = 1000;
/** Tokens with a bad signature kept of one key set: apart, so that bad ones never push out good ones. */
export const maxRefusedTokens = 1000;
/** Tokens in a longer header value are checked each time. Against: a cache that holds 60 MB of somebody's padding. */
export const maxCachedValueBytes = 4096;

interface Kept {
  readonly good: Map<string, SeenToken>;
  readonly bad: Map<string, SeenToken>;
}

/**
 * Signature checks that need not be made again, by the token's raw bytes. They hang on the KeySet object they were
 * made with: other keys, and nothing of them is found. The bad ones are kept too, so that one bad token sent again
 * and again does not cost a check each time.
 */
export class VerifiedTokens {
  /** Signatures that had to be looked at, in all. */
  checks = 0;
  readonly #kept = new WeakMap<KeySet, Kept>();

  get(keySet: KeySet, raw: string): SeenToken | undefined {
    const kept = this.#kept.get(keySet);
    return kept === undefined ? undefined : (kept.good.get(raw) ?? kept.bad.get(raw));
  }

  add(raw: string, seen: SeenToken): void {
    let kept = this.#kept.get(seen.keySet);
    if (kept === undefined) {
      kept = { good: new Map(), bad: new Map() };
      this.#kept.set(seen.keySet, kept);
    }
    if (seen.fault === undefined) put(kept.good, maxVerifiedTokens, raw, seen);
    else put(kept.bad, maxRefusedTokens, raw, seen);
  }

  /** How many of this key set are held. */
  size(keySet: KeySet): { readonly good: number; readonly bad: number } {
    const kept = this.#kept.get(keySet);
    return { good: kept?.good.size ?? 0, bad: kept?.bad.size ?? 0 };
  }
}

/** The oldest goes first; a Map keeps its order of insertion. */
function put(map: Map<string, SeenToken>, most: number, raw: string, seen: SeenToken): void {
  if (map.size >= most) {
    const oldest = map.keys().next();
    if (!oldest.done) map.delete(oldest.value);
  }
  map.set(raw, seen);
}

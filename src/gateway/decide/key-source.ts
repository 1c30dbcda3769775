import type { KeySet } from "../../auth/key-set.ts";
import type { JwtProvider } from "../../config/model.ts";

/** Where the gateway keeps the keys of its issuers. */
export interface KeySource {
  /**
   * undefined: not fetched yet, fault: could not be had. What was checked counts for the very KeySet object it was
   * checked with: hand out the same one for as long as the keys are the same.
   */
  keysOf(provider: JwtProvider): KeySet | { readonly fault: string } | undefined;
}

import type { IdTokenClaims } from "../auth/parse-token.ts";
import type { MakeField } from "../http2/exchange.ts";
import type { Field, Head } from "../http2/head.ts";
import { forwardedField, type MovedToken } from "./upstream-head.ts";

/** What a checked token adds to each call that carries it. */
export interface TokenFields {
  /** `{prefix}api-userinfo` (HD-1). */
  readonly info: Field;
  readonly moved: MovedToken | undefined;
}

/**
 * The fields of each checked token, made once, so that their encoded form is made once too. Held for as long as the
 * claims are: the cache of verified tokens decides that.
 */
export class TokenFieldCache {
  readonly #kept = new WeakMap<IdTokenClaims, TokenFields>();
  readonly #field: MakeField;
  readonly #infoName: string;

  constructor(field: MakeField, headerPrefix: string) {
    this.#field = field;
    this.#infoName = `${headerPrefix}api-userinfo`;
  }

  of(claims: IdTokenClaims, userInfo: string, head: Head): TokenFields {
    const kept = this.#kept.get(claims);
    if (kept !== undefined) return kept;
    const received = head.find(({ name }) => name === "authorization");
    const made = {
      info: this.#field(this.#infoName, userInfo, { keep: true }),
      moved:
        received === undefined
          ? undefined
          : { received, forwarded: forwardedField(received, this.#field) },
    };
    this.#kept.set(claims, made);
    return made;
  }
}

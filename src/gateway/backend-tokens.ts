import type { IdToken, TokenSource } from "../auth/token-source.ts";
import type { MakeField } from "../http2/exchange.ts";
import type { Field } from "../http2/head.ts";
import { ASSUMED_LIFE_MS, tokenLife } from "./token-life.ts";

/** TK-5: after a failure. */
const RETRY_MS = 2_000;
/** TK-5: one fetch may take this long. */
const FETCH_TIMEOUT_MS = 30_000;
/** The clock is looked at this often, so that a step of it does not leave an old token in use. */
const LONGEST_SLEEP_MS = 30_000;
/** What may stand in a header value (TK-5): anything else is no token. */
export const HEADER_SAFE = /^[\x21-\x7e]{1,16384}$/;

export interface BackendTokensOptions {
  readonly mint: TokenSource;
  readonly field: MakeField;
  readonly nowMs: () => number;
  /** Says once a failure, and when it works again. */
  readonly log: (severity: "INFO" | "WARNING", message: string) => void;
}

interface Kept {
  field: Field | undefined;
  refreshAtMs: number;
  expiresAtMs: number;
  failed: boolean;
  fetching: boolean;
  timer: NodeJS.Timeout | undefined;
  readonly first: PromiseWithResolvers<void>;
}

/** The gateway's own ID tokens: one per distinct audience, fetched at start, kept fresh in the background (TK-1 to TK-6). */
export class BackendTokens implements Disposable {
  readonly #options: BackendTokensOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #stop = new AbortController();

  constructor(options: BackendTokensOptions) {
    this.#options = options;
  }

  /** The `authorization` header for that audience; undefined while none could be had (TK-6: 500 then). */
  get(audience: string): Field | undefined {
    const kept = this.#kept.get(audience);
    if (kept === undefined) return undefined;
    if (this.#options.nowMs() < kept.expiresAtMs) return kept.field;
    // The clock went past it between two looks: no need to wait for the next one.
    if (!kept.failed) this.#fetch(audience, kept);
    return undefined;
  }

  /** Keep tokens for these audiences and for no others. Resolves when each has been fetched once. */
  async keep(audiences: ReadonlySet<string>): Promise<void> {
    for (const [audience, kept] of this.#kept) {
      if (audiences.has(audience)) continue;
      clearTimeout(kept.timer);
      this.#kept.delete(audience);
    }
    for (const audience of audiences) if (!this.#kept.has(audience)) this.#start(audience);
    await Promise.all([...this.#kept.values()].map((kept) => kept.first.promise));
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    for (const kept of this.#kept.values()) {
      clearTimeout(kept.timer);
      kept.first.resolve();
    }
    this.#kept.clear();
  }

  #start(audience: string): void {
    const kept: Kept = {
      field: undefined,
      refreshAtMs: 0,
      expiresAtMs: 0,
      failed: false,
      fetching: false,
      timer: undefined,
      first: Promise.withResolvers<void>(),
    };
    this.#kept.set(audience, kept);
    this.#fetch(audience, kept);
  }

  #fetch(audience: string, kept: Kept): void {
    if (kept.fetching) return;
    kept.fetching = true;
    clearTimeout(kept.timer);
    const { mint, log } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
    mint(audience, signal).then(
      (token) => {
        kept.fetching = false;
        if (this.#gone(audience, kept)) return;
        const fault = this.#faultOf(token);
        if (fault !== undefined) {
          this.#failed(audience, kept, fault);
          return;
        }
        if (kept.failed) log("INFO", `backend token for ${audience}: fetched again`);
        this.#took(audience, kept, token);
      },
      (error: unknown) => {
        kept.fetching = false;
        if (this.#gone(audience, kept)) return;
        this.#failed(audience, kept, error instanceof Error ? error.message : String(error));
      },
    );
  }

  /** Why a token is of no use; undefined: it is. One that replaced a good one would be worse than none. */
  #faultOf({ value, expiresAtMs }: IdToken): string | undefined {
    if (!HEADER_SAFE.test(value))
      return "the answer is no token: it holds characters a header may not have";
    const pastMs = this.#options.nowMs() - expiresAtMs;
    return pastMs < 0
      ? undefined
      : `the token it minted expired ${Math.round(pastMs / 1000)} s ago; check this machine's clock`;
  }

  #took(audience: string, kept: Kept, token: IdToken): void {
    const { field, nowMs } = this.#options;
    kept.failed = false;
    kept.field = field("authorization", `Bearer ${token.value}`, { keep: true });
    Object.assign(kept, tokenLife(token, nowMs()));
    kept.first.resolve();
    this.#sleep(audience, kept);
  }

  #failed(audience: string, kept: Kept, why: string): void {
    if (!kept.failed) {
      const then = kept.field === undefined ? "" : "; the old one stays in use until it expires";
      this.#options.log(
        "WARNING",
        `no backend token for ${audience}: ${why}; trying again every 2 s${then}`,
      );
    }
    kept.failed = true;
    kept.timer = setTimeout(() => this.#fetch(audience, kept), RETRY_MS);
  }

  #sleep(audience: string, kept: Kept): void {
    const leftMs = kept.refreshAtMs - this.#options.nowMs();
    const sleepMs = Math.min(Math.max(leftMs, RETRY_MS), LONGEST_SLEEP_MS);
    kept.timer = setTimeout(() => {
      const leftMs = kept.refreshAtMs - this.#options.nowMs();
      // More than a life left: the clock was set back, and nobody knows how old the token is.
      if (leftMs <= 0 || leftMs > ASSUMED_LIFE_MS) this.#fetch(audience, kept);
      else this.#sleep(audience, kept);
    }, sleepMs);
  }

  #gone(audience: string, kept: Kept): boolean {
    return this.#stop.signal.aborted || this.#kept.get(audience) !== kept;
  }
}

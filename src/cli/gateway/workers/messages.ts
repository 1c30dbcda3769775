import type { IdToken } from "../../../auth/token-source.ts";
import type { KeyDocument } from "../../../gateway/fetch-keys.ts";
import type { ConfigInput } from "../../load-config.ts";
import type { GatewaySettings } from "../gateway-settings.ts";

/** A config and which one it is: the primary counts them. */
export interface NumberedConfig {
  readonly version: number;
  readonly config: ConfigInput;
}

/** What the primary sends to a worker. */
export type ToWorker =
  /** Once, first. `hasTokens`: the primary has a source of backend tokens. */
  | {
      readonly kind: "start";
      readonly settings: GatewaySettings;
      readonly config: NumberedConfig;
      readonly hasTokens: boolean;
    }
  /** Comes with a socket; without one when the caller left on the way. */
  | { readonly kind: "connection" }
  | { readonly kind: "reload"; readonly config: NumberedConfig }
  /** Finish the calls in flight and end. */
  | { readonly kind: "drain" }
  | { readonly kind: "answer"; readonly id: number; readonly answer: Answer };

export type Answer =
  | { readonly ok: true; readonly value: IdToken | KeyDocument }
  | { readonly ok: false; readonly fault: string };

/** What a worker wants the primary to fetch for it. */
export type Question =
  | { readonly kind: "token"; readonly audience: string }
  | { readonly kind: "keys"; readonly href: string };

/** What a worker sends to the primary. */
export type ToPrimary =
  /** It runs, and waits for "start". */
  | { readonly kind: "running" }
  /** Keys and tokens are there: it can serve. */
  | { readonly kind: "ready" }
  /** It cannot serve, and ends. */
  | { readonly kind: "failed"; readonly fault: string }
  /** It drains, asked or not: no more connections. */
  | { readonly kind: "leaving" }
  /** The connection has arrived: the next one may come. */
  | { readonly kind: "took" }
  /** So many of its connections are gone since it last said so. */
  | { readonly kind: "closed"; readonly connections: number }
  | { readonly kind: "reloaded"; readonly version: number; readonly fault: string | undefined }
  | { readonly kind: "question"; readonly id: number; readonly question: Question }
  | {
      readonly kind: "log";
      readonly severity: "INFO" | "WARNING" | "ERROR";
      readonly message: string;
    };

import type { Hop } from "./hop.ts";
import type { RejectionReason } from "./reasons.ts";
import type { Step } from "./traffic.ts";

/** What became of one call: how far it came, what each hop looked at, and what to do. */
export interface Story {
  readonly verdict: "allowed" | "rejected";
  /** Who refused; undefined: nobody. */
  readonly hop: Hop | undefined;
  readonly reason: RejectionReason | undefined;
  /** PERMISSION_DENIED, as gRPC's documents write it; OK. */
  readonly code: string;
  /** The refusal's words. */
  readonly message: string;
  /** The words as the caller saw them: at the gateway a JSON object around `message` (ER-2). undefined: no call was made. */
  readonly answer: string | undefined;
  /** The hops of the call's path but the client, and what each did. `undefined`: nothing is known of it. */
  readonly path: readonly { readonly hop: Hop; readonly did: HopDid }[];
  readonly steps: readonly Step[];
  /** A complete command where one helps; "" when nothing is to be done. */
  readonly fix: string;
}

export type HopDid = "let-through" | "refused" | "answered" | "never-saw-it" | undefined;

/** The JSON form of `callpath explain` and `call`: one document. */
export interface StoryJson {
  readonly verdict: Story["verdict"];
  readonly hop: Hop | null;
  readonly reason: RejectionReason | null;
  readonly code: string;
  readonly message: string;
  readonly steps: readonly {
    readonly hop: Hop;
    readonly rule: string;
    /** null: not looked at. */
    readonly ok: boolean | null;
    readonly detail: string;
  }[];
  readonly fix: string;
}

export function storyJson({ verdict, hop, reason, code, message, steps, fix }: Story): StoryJson {
  const told = steps.map(({ hop, rule, ok = null, detail, wanted }) => ({
    hop,
    rule,
    ok,
    detail: wanted === undefined ? detail : `${detail}; ${wanted}`,
  }));
  return { verdict, hop: hop ?? null, reason: reason ?? null, code, message, steps: told, fix };
}

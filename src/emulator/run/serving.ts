import type { RunningRevision } from "./running-revision.ts";

/** Who serves a service's calls now: a revision, or nobody and why not. */
export type Serving =
  | { readonly kind: "revision"; readonly revision: RunningRevision }
  | { readonly kind: "none"; readonly detail: string };

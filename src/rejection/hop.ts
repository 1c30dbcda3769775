/** The hops of a call, in its order. */
export const hops = ["client", "gateway", "cloud-run", "server"] as const;

/** Where something was refused. */
export type Hop = (typeof hops)[number];

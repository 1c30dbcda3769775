import type { Running } from "../processes.ts";

/** In the order of the tables. */
export const targetNames = ["callpath", "callpath-node", "envoy", "nginx"] as const;
export type TargetName = (typeof targetNames)[number];

/** What a table calls them. */
export const targetTitles: Readonly<Record<TargetName, string>> = {
  callpath: "callpath",
  "callpath-node": "callpath --engine node",
  envoy: "envoy, token cache on",
  nginx: "nginx, no token check",
};

/** One gateway that listens, with TLS in front or without. */
export interface Target extends AsyncDisposable {
  readonly name: TargetName;
  readonly tls: boolean;
  readonly port: number;
  readonly process: Running;
}

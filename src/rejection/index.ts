export { type RejectionReason, rejectionReasons } from "./reasons.ts";
export { type Hop, type Rejection, toConnectError } from "./rejection.ts";
export type { Step, TrafficEvent } from "./traffic.ts";

export { type Classified, classify, type ForeignAnswer } from "./classify.ts";
export {
  type AboutReason,
  aboutReasons,
  type RejectionReason,
  rejectionReasons,
} from "./reasons.ts";
export { type Hop, type Rejection, toConnectError } from "./rejection.ts";
export type { Step, TrafficEvent } from "./traffic.ts";

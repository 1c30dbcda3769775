export type { TrafficEvent } from "../rejection/traffic.ts";

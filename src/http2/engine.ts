import type { Engine } from "./exchange.ts";
import { nodeEngine } from "./node-engine.ts";

/** Our own HTTP/2. */
export const callpathEngine: Engine = nodeEngine;

import process from "node:process";
import { callpathEngine } from "../../src/http2/engine.ts";
import type { Engine } from "../../src/http2/exchange.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";

/** `--engine`'s word. */
export type EngineName = "callpath" | "node";

export function engineNamed(name: string | undefined): Engine {
  if (name === "callpath") return callpathEngine;
  if (name === "node") return nodeEngine;
  throw new Error(`engine ${name}: callpath or node`);
}

/** The engines that slow suites run through: CALLPATH_ENGINES=callpath,node; default both. */
export function suiteEngines(): readonly EngineName[] {
  const names = (process.env.CALLPATH_ENGINES ?? "callpath,node").split(",");
  return names.map((name) => engineNamed(name).name);
}

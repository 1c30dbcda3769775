import { parseArgs } from "node:util";

/** What `npm run bench -- …` was asked for. */
export interface BenchOptions {
  /** The gateway beside its peers, or beside Envoy under attack. */
  readonly area: "gateway" | "attacks";
  /** Every workload that there is, not the table's alone. */
  readonly all: boolean;
  /** Two short rounds of our targets and of the peers that a goal names. */
  readonly quick: boolean;
  /** Instead of measuring beside the peers, say where the gateway's time goes. */
  readonly profile: boolean;
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** Parts of workload names; empty: all. `memory` is one of them. */
  readonly only: readonly string[];
  readonly engine: "callpath" | "node";
  readonly help: boolean;
}

export const usage = `npm run bench -- --area gateway [flags]

  --area gateway     what a call costs, beside other gateways
  --area attacks     what a well-behaved client sees while the gateway, and Envoy, is attacked; under 9 minutes
  --quick            two short rounds, only the peers that a goal names; under 2 minutes
  --all              every kind of RPC x in flight x connections x h2c and TLS
  --rounds N         rounds, all targets in turn in each; default 5 (--quick, --all: 2)
  --seconds S        length of one measurement; default 1.4 (--quick: 0.8); of one attack 4 (2), at most 10
  --only NAME        workloads whose name contains NAME, or memory; attacks likewise; may be repeated
  --profile          where the gateway's own time goes, by area and by function
  --engine node      with --profile: the gateway on node:http2

Peers (Envoy, nginx, h2load, grpc-js, a Go client and backend) are found, or installed once into
~/.cache/callpath/peers. A whole run is written to bench/results/, every other one to .callpath/bench/.`;

/** Throws an Error that says what to write instead. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      area: { type: "string", default: "gateway" },
      all: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      only: { type: "string", multiple: true, default: [] },
      engine: { type: "string", default: "callpath" },
      help: { type: "boolean", default: false },
    },
  });
  const { area, all, quick, profile, only, engine, help } = values;
  if (area !== "gateway" && area !== "attacks")
    throw new Error(`--area ${area}: write gateway or attacks`);
  if (engine !== "callpath" && engine !== "node")
    throw new Error(`--engine ${engine}: write callpath or node`);
  const isAttack = area === "attacks";
  const usualS = isAttack ? (quick ? "2" : "4") : quick ? "0.8" : "1.4";
  return {
    area,
    all,
    quick,
    profile,
    only,
    engine,
    help,
    rounds: numberIn("rounds", values.rounds ?? (quick || all ? "2" : "5"), 1, 100),
    seconds: numberIn("seconds", values.seconds ?? usualS, 0.2, isAttack ? 10 : 60),
  };
}

function numberIn(flag: string, text: string, least: number, most: number): number {
  const number = Number(text);
  const isGood =
    number >= least && number <= most && (flag !== "rounds" || Number.isInteger(number));
  if (!isGood) throw new Error(`--${flag} ${text}: write a number from ${least} to ${most}`);
  return number;
}

import type { BenchOptions } from "./parse-options.ts";
import type { TargetName } from "./targets/target.ts";
import type { Goal, RpcKind, Workload } from "./workload.ts";

/** As the calls of the walkthrough: a short name in a protobuf message. */
const SMALL_BYTES = 12;
const LARGE_BYTES = 64 * 1024;

const everyTarget: readonly TargetName[] = ["callpath", "callpath-node", "envoy", "nginx"];

const plain = {
  client: "h2load",
  kind: "unary",
  bytes: SMALL_BYTES,
  connections: 4,
  inFlight: 100,
  tls: false,
  varied: false,
  targets: everyTarget,
  goals: [],
} as const satisfies Partial<Workload>;

const cpu = (peer: Goal["peer"], atMost: number): Goal => ({ metric: "cpuUs", peer, atMost });

/** What the gateway is held to. */
export const heldTo: readonly Workload[] = [
  {
    ...plain,
    name: "unary-4x100",
    title: "unary, 4 connections x 100 in flight, h2load",
    goals: [cpu("envoy", 1 / 7)],
  },
  {
    ...plain,
    name: "grpc-go-4x25",
    title: "unary, 4 x 25, grpc-go with a deadline and two random ids",
    client: "grpc-go",
    inFlight: 25,
    varied: true,
    goals: [cpu("envoy", 1 / 6), cpu("nginx", 1 / 3)],
  },
  {
    ...plain,
    name: "grpc-js-1x50",
    title: "unary, 1 x 50, grpc-js",
    client: "grpc-js",
    connections: 1,
    inFlight: 50,
    targets: ["callpath", "envoy", "nginx"],
    goals: [cpu("envoy", 1 / 5)],
  },
  {
    ...plain,
    name: "unary-1x1",
    title: "unary, 1 in flight, h2load",
    connections: 1,
    inFlight: 1,
    goals: [
      cpu("nginx", 1.1),
      { metric: "p50Us", peer: "nginx", atMost: 1.1 },
      { metric: "p99Us", peer: "envoy", atMost: 1 },
    ],
  },
  {
    ...plain,
    name: "unary-64k-4x10",
    title: "unary, 64 KiB each way, 4 x 10, h2load",
    bytes: LARGE_BYTES,
    inFlight: 10,
    targets: ["callpath", "envoy", "nginx"],
    goals: [cpu("envoy", 1)],
  },
  {
    ...plain,
    name: "stream-4x100",
    title: "stream of 100, 4 x 100, h2load",
    kind: "stream",
    targets: ["callpath", "envoy", "nginx"],
    goals: [cpu("nginx", 0.7)],
  },
  {
    ...plain,
    name: "bidi-4x25",
    title: "bidi of 10 round trips, 4 x 25, grpc-go",
    client: "grpc-go",
    kind: "bidi",
    inFlight: 25,
    targets: ["callpath", "envoy", "nginx"],
  },
  {
    ...plain,
    name: "tls-unary-4x100",
    title: "TLS in front, unary, 4 x 100, h2load",
    tls: true,
    targets: ["callpath", "envoy", "nginx"],
    goals: [cpu("envoy", 1 / 7)],
  },
  {
    ...plain,
    name: "tls-unary-1x1",
    title: "TLS in front, unary, 1 in flight, h2load",
    connections: 1,
    inFlight: 1,
    tls: true,
    targets: ["callpath", "envoy", "nginx"],
    goals: [cpu("envoy", 0.6)],
  },
];

/** What a fresh target gets first, so that its code is compiled: many calls in little time. */
export function warmingUp({ tls }: Pick<Workload, "tls">): Workload {
  return { ...plain, name: "warm-up", title: "warm-up", tls };
}

const kinds: readonly { readonly kind: RpcKind; readonly bytes: number; readonly name: string }[] =
  [
    { kind: "unary", bytes: SMALL_BYTES, name: "unary" },
    { kind: "unary", bytes: LARGE_BYTES, name: "unary-64k" },
    { kind: "stream", bytes: SMALL_BYTES, name: "stream" },
    { kind: "bidi", bytes: SMALL_BYTES, name: "bidi" },
  ];

/** Every kind x connections x in flight x h2c and TLS, those the gateway is held to among them. */
function everyWorkload(): readonly Workload[] {
  const known = new Set(heldTo.map(({ name }) => name));
  return [...heldTo, ...grid().filter(({ name }) => !known.has(name))];
}

function grid(): readonly Workload[] {
  const made: Workload[] = [];
  for (const tls of [false, true])
    for (const { kind, bytes, name } of kinds)
      for (const connections of [1, 4])
        for (const inFlight of [1, 10, 100])
          made.push({
            ...plain,
            name: `${tls ? "tls-" : ""}${name}-${connections}x${inFlight}`,
            title: `${tls ? "TLS in front, " : ""}${name}, ${connections} x ${inFlight}`,
            client: kind === "bidi" ? "grpc-go" : "h2load",
            kind,
            bytes,
            connections,
            inFlight,
            tls,
          });
  return made;
}

/**
 * Those whose name contains one of `only`; a whole name means that one alone. Without `only`: what the gateway is held
 * to, or all of them; of a profile the two that tell most.
 */
export function chooseWorkloads({
  all,
  quick,
  profile,
  only,
}: Pick<BenchOptions, "all" | "quick" | "profile" | "only">): readonly Workload[] {
  const every = all || only.length > 0 ? everyWorkload() : heldTo;
  const asked = only.length > 0 ? only : profile ? profiled : [""];
  const found = new Set(
    asked.flatMap((part) => {
      const exact = every.filter(({ name }) => name === part);
      return exact.length > 0 ? exact : every.filter(({ name }) => name.includes(part));
    }),
  );
  const workloads = every.filter((one) => found.has(one));
  return quick ? workloads.map(withoutBystanders) : workloads;
}

const profiled = ["unary-4x100", "unary-1x1"];

/** Only ours and the peers that a goal names. */
function withoutBystanders(workload: Workload): Workload {
  const named = new Set<TargetName>(workload.goals.map(({ peer }) => peer));
  const targets = workload.targets.filter((name) => name === "callpath" || named.has(name));
  return { ...workload, targets };
}

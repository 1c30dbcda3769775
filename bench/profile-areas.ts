/** As much of V8's .cpuprofile as is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

export interface TimeOf {
  readonly name: string;
  /** Self time, microseconds. */
  readonly us: number;
}

/** Where the time went, without idle time; both lists longest first. */
export interface ProfileDigest {
  readonly busyUs: number;
  readonly areas: readonly TimeOf[];
  readonly functions: readonly TimeOf[];
}

export function digestProfile({ nodes, samples, timeDeltas }: CpuProfile): ProfileDigest {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const areas = new Map<string, number>();
  const functions = new Map<string, number>();
  let busyUs = 0;
  samples.forEach((id, index) => {
    const frame = byId.get(id);
    if (frame === undefined || frame.functionName === "(idle)") return;
    const us = Math.max(0, timeDeltas[index] ?? 0);
    busyUs += us;
    add(areas, areaOf(frame.functionName, frame.url), us);
    add(functions, nameOf(frame), us);
  });
  return { busyUs, areas: longestFirst(areas), functions: longestFirst(functions) };
}

/** First match wins. */
const areasByPath: readonly (readonly [RegExp, string])[] = [
  [/\/src\/http2\/hpack\//, "http2: hpack"],
  [/\/src\/http2\/relay/, "http2: relay"],
  [/\/src\/http2\/(node-|client|upstream)/, "http2: upstream pool, node engine"],
  [/\/src\/http2\//, "http2: frames, exchanges, output"],
  [/\/src\/(gateway\/decide|auth)\//, "decide"],
  [/\/src\/gateway\//, "gateway"],
  [/\/src\//, "other code of ours"],
  [/^node:/, "node: net, tls, timers"],
  [/node_modules/, "packages"],
];

function areaOf(functionName: string, url: string): string {
  if (functionName === "(garbage collector)") return "garbage collection";
  if (functionName === "(program)") return "V8, libuv, OpenSSL, system calls";
  const found = areasByPath.find(([path]) => path.test(url));
  // Without a file it is C++ or a builtin.
  return found?.[1] ?? (url === "" ? "builtins and bindings (writev, Map, …)" : "other");
}

function nameOf({
  functionName,
  url,
  lineNumber,
}: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const file = /\/((?:src|node_modules)\/.*)$/.exec(url)?.[1] ?? url;
  return `${name} ${file}:${lineNumber + 1}`;
}

function add(sums: Map<string, number>, name: string, us: number): void {
  sums.set(name, (sums.get(name) ?? 0) + us);
}

function longestFirst(sums: ReadonlyMap<string, number>): TimeOf[] {
  return [...sums].map(([name, us]) => ({ name, us })).sort((a, b) => b.us - a.us);
}

/** Throws an Error when it is no profile. */
export function asCpuProfile(value: unknown): CpuProfile {
  const isOne =
    typeof value === "object" &&
    value !== null &&
    ["nodes", "samples", "timeDeltas"].every((key) => Array.isArray(Reflect.get(value, key)));
  if (!isOne) throw new Error("the inspector gave no profile");
  return value as CpuProfile;
}

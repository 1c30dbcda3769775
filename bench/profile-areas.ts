/** A function, as V8 names it. */
interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** As much of V8's .cpuprofile as is read here. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** As much of V8's .heapprofile as is read here: a tree, each node with what it allocated itself. */
export interface AllocationProfile {
  readonly head: AllocationNode;
}
interface AllocationNode {
  readonly callFrame: CallFrame;
  /** Bytes. */
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

export interface ShareOf {
  readonly name: string;
  /** Microseconds of self time, or bytes. */
  readonly amount: number;
}

/** What was spent, and by whom; both lists largest first. */
export interface ProfileDigest {
  readonly total: number;
  readonly areas: readonly ShareOf[];
  readonly functions: readonly ShareOf[];
}

/** Self time in microseconds, idle time apart. */
export function digestProfile({ nodes, samples, timeDeltas }: CpuProfile): ProfileDigest {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const sums = new Sums();
  samples.forEach((id, index) => {
    const frame = byId.get(id);
    if (frame !== undefined && frame.functionName !== "(idle)")
      sums.add(frame, Math.max(0, timeDeltas[index] ?? 0));
  });
  return sums.digest();
}

/** Allocated bytes. */
export function digestAllocations({ head }: AllocationProfile): ProfileDigest {
  const sums = new Sums();
  const walk = ({ callFrame, selfSize, children }: AllocationNode) => {
    if (selfSize > 0) sums.add(callFrame, selfSize);
    for (const child of children) walk(child);
  };
  walk(head);
  return sums.digest();
}

class Sums {
  readonly #areas = new Map<string, number>();
  readonly #functions = new Map<string, number>();
  #total = 0;

  add(frame: CallFrame, amount: number): void {
    this.#total += amount;
    add(this.#areas, areaOf(frame), amount);
    add(this.#functions, nameOf(frame), amount);
  }

  digest(): ProfileDigest {
    return {
      total: this.#total,
      areas: largestFirst(this.#areas),
      functions: largestFirst(this.#functions),
    };
  }
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

function areaOf({ functionName, url }: CallFrame): string {
  if (functionName === "(garbage collector)") return "garbage collection";
  if (functionName === "(program)") return "V8, libuv, OpenSSL, system calls";
  const found = areasByPath.find(([path]) => path.test(url));
  // Without a file it is C++ or a builtin.
  return found?.[1] ?? (url === "" ? "builtins and bindings (writev, Map, …)" : "other");
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const file = /\/((?:src|node_modules)\/.*)$/.exec(url)?.[1] ?? url;
  return `${name} ${file}:${lineNumber + 1}`;
}

function add(sums: Map<string, number>, name: string, amount: number): void {
  sums.set(name, (sums.get(name) ?? 0) + amount);
}

function largestFirst(sums: ReadonlyMap<string, number>): ShareOf[] {
  return [...sums].map(([name, amount]) => ({ name, amount })).sort((a, b) => b.amount - a.amount);
}

/** Throws an Error when it is no CPU profile. */
export function asCpuProfile(value: unknown): CpuProfile {
  const isOne = ["nodes", "samples", "timeDeltas"].every((key) => Array.isArray(at(value, key)));
  if (!isOne) throw new Error("the inspector gave no CPU profile");
  return value as CpuProfile;
}

/** Throws an Error when it is no profile of allocations. */
export function asAllocationProfile(value: unknown): AllocationProfile {
  if (!Array.isArray(at(at(value, "head"), "children")))
    throw new Error("the inspector gave no profile of allocations");
  return value as AllocationProfile;
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

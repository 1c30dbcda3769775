import { setTimeout as sleep } from "node:timers/promises";
import { Inspector } from "./inspector.ts";
import { descriptorsOf, usageOf } from "./process-usage.ts";
import { Running } from "./processes.ts";
import type { Surroundings } from "./surroundings.ts";
import { startCallpath } from "./targets/callpath.ts";
import { startTarget } from "./targets/start-target.ts";
import { type Target, type TargetName, targetNames } from "./targets/target.ts";

/** What a gateway keeps for callers that are there and say nothing. */
export interface MemoryFigures {
  readonly target: TargetName;
  /** Resident memory of one idle HTTP/2 connection, bytes, in cleartext. */
  readonly connectionBytes: number;
  /** The same by V8's count, after a collection; undefined for others' programs. */
  readonly connectionHeapBytes: number | undefined;
  /** Resident memory of one open call of which nothing moves, with its upstream half, bytes. */
  readonly exchangeBytes: number;
  readonly exchangeHeapBytes: number | undefined;
  /** Resident memory above the start once all idle connections are closed, MiB: as it is, and after a collection. */
  readonly leftMb: number;
  readonly leftCollectedMb: number | undefined;
}

export interface MemoryOptions {
  readonly targets: readonly TargetName[];
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

const CONNECTIONS = 5000;
const EXCHANGE_CONNECTIONS = 10;
const EXCHANGES_EACH = 500;
/** Until the kernel's and the allocator's counts stand still. */
const SETTLE_MS = 400;
const LOOK_AGAIN_MS = 50;
const CLOSE_MS = 10_000;

/** Memory of idle connections and calls, by the difference of many. A program of its own for each, fresh. */
export async function measureMemory(
  around: Surroundings,
  { targets, signal, progress }: MemoryOptions,
): Promise<readonly MemoryFigures[]> {
  const figures: MemoryFigures[] = [];
  for (const name of targetNames) {
    if (!targets.includes(name)) continue;
    signal.throwIfAborted();
    progress(`memory: ${CONNECTIONS} idle connections to ${name}`);
    const idle = await idleConnections(around, name);
    signal.throwIfAborted();
    progress(`memory: ${EXCHANGE_CONNECTIONS * EXCHANGES_EACH} open calls through ${name}`);
    figures.push({ target: name, ...idle, ...(await openExchanges(around, name)) });
  }
  return figures;
}

async function idleConnections(around: Surroundings, name: TargetName) {
  await using target = await watchedTarget(around, name);
  await warmUp(around, target);
  const before = await target.look();
  const open = descriptorsOf(target.process.pid);
  await using held = hold(around, target, [
    "-hold",
    "connections",
    "-connections",
    String(CONNECTIONS),
  ]);
  await held.says(/held/);
  const during = await target.look();
  held.endInput();
  for (let waitedMs = 0; descriptorsOf(target.process.pid) > open + 5; waitedMs += LOOK_AGAIN_MS) {
    if (waitedMs > CLOSE_MS) throw new Error(`${name} does not let go of closed connections`);
    await sleep(LOOK_AGAIN_MS);
  }
  await sleep(SETTLE_MS);
  const left = usageOf(target.process.pid).rssBytes;
  const after = await target.look();
  return {
    connectionBytes: (during.rssBytes - before.rssBytes) / CONNECTIONS,
    connectionHeapBytes: perOne(during.heapBytes, before.heapBytes, CONNECTIONS),
    leftMb: (left - before.rssBytes) / 2 ** 20,
    leftCollectedMb:
      after.heapBytes === undefined ? undefined : (after.rssBytes - before.rssBytes) / 2 ** 20,
  };
}

async function openExchanges(around: Surroundings, name: TargetName) {
  await using target = await watchedTarget(around, name);
  await warmUp(around, target);
  const before = await target.look();
  const args = ["-hold", "exchanges", "-in-flight", String(EXCHANGES_EACH)];
  await using held = hold(around, target, [...args, "-connections", String(EXCHANGE_CONNECTIONS)]);
  await held.says(/held/);
  const during = await target.look();
  const count = EXCHANGE_CONNECTIONS * EXCHANGES_EACH;
  return {
    exchangeBytes: (during.rssBytes - before.rssBytes) / count,
    exchangeHeapBytes: perOne(during.heapBytes, before.heapBytes, count),
  };
}

function perOne(after: number | undefined, before: number | undefined, count: number) {
  return after === undefined || before === undefined ? undefined : (after - before) / count;
}

interface Look {
  readonly rssBytes: number;
  readonly heapBytes: number | undefined;
}
type Watched = Target & { readonly look: () => Promise<Look> };

/** Ours tells its heap and collects garbage first: what is left is what is kept. */
async function watchedTarget(around: Surroundings, name: TargetName): Promise<Watched> {
  if (name === "envoy" || name === "nginx") {
    const target = await startTarget(around, name, false);
    const look = async () => {
      await sleep(SETTLE_MS);
      return { rssBytes: usageOf(target.process.pid).rssBytes, heapBytes: undefined };
    };
    return { ...target, look };
  }
  const engine = name === "callpath" ? "callpath" : "node";
  const target = await startCallpath(around, { engine, tls: false, inspect: true });
  const look = async () => {
    using inspector = await Inspector.connect(target.inspectorUrl ?? "");
    await inspector.collect();
    await sleep(SETTLE_MS);
    await inspector.collect();
    return {
      rssBytes: usageOf(target.process.pid).rssBytes,
      heapBytes: await inspector.heapBytes(),
    };
  };
  return { ...target, look };
}

/** What a program makes once, at first use, is no part of what a connection or a call costs. */
async function warmUp(around: Surroundings, target: Target): Promise<void> {
  for (const args of [
    ["-kind", "bidi", "-connections", "10", "-in-flight", "50", "-seconds", "0.5"],
    ["-kind", "unary", "-connections", "10", "-in-flight", "5", "-seconds", "0.3"],
  ]) {
    await using load = hold(around, target, args);
    await load.says(/"done"/);
  }
  await using held = hold(around, target, ["-hold", "connections", "-connections", "200"]);
  await held.says(/held/);
}

function hold(around: Surroundings, target: Target, args: readonly string[]): Running {
  const where = ["-address", `127.0.0.1:${target.port}`, "-token", around.callerTokenFile];
  const core = around.cores.load;
  return new Running("grpc-go load", around.peers["bench-load"], [...where, ...args], { core });
}

import { randomBytes } from "node:crypto";
import process from "node:process";
import { setImmediate as nextTurn } from "node:timers/promises";
import v8 from "node:v8";
import vm from "node:vm";
import { startGateway } from "../../src/gateway/serve.ts";
import { callpathEngine } from "../../src/http2/engine.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";
import { KeyServer, loadModel, walkthroughConfig } from "../gateway-in-the-middle.ts";
import { Backend, RawClient } from "../raw-http2.ts";
import { googleClaims, TokenMaker } from "../token-maker.ts";
import { echoService } from "./services.ts";

/** What one run found: bytes of heap after a forced collection, and what was open before and after. */
export interface MemoryRun {
  readonly after1000: number;
  readonly after10000: number;
  readonly after20000: number;
  /** Events the gateway told: one a call. */
  readonly told: number;
  readonly openBefore: readonly string[];
  readonly openAfter: readonly string[];
  readonly listenersBefore: number;
  readonly listenersAfter: number;
}

/** A program of its own, so that its heap holds nothing but this. Its one argument names the engine. */
const engine = process.argv[2] === "node" ? nodeEngine : callpathEngine;
const AT_ONCE = 50;
/** Callers differ, and come again. */
const TOKENS = 20;

v8.setFlagsFromString("--expose-gc");
const collect = vm.runInNewContext("gc") as () => void;

const before = { open: open(), listeners: listeners() };
const heaps: number[] = [];
let told = 0;
{
  const keys = new TokenMaker();
  await using keyServer = new KeyServer(keys.jwks);
  const jwks = await keyServer.listen();
  await using backend = new Backend();
  const port = await backend.listen();
  await using gateway = await startGateway({
    engine,
    port: 0,
    nowMs: Date.now,
    model: loadModel(walkthroughConfig, { BACKEND: `127.0.0.1:${port}`, JWKS: jwks }),
    backendTokens: async (audience) => ({
      value: `token-for.${audience}`,
      expiresAtMs: Date.now() + 3_600_000,
    }),
    onTraffic: () => {
      told += 1;
    },
  });
  await using client = new RawClient(gateway.url);
  const bearers = Array.from({ length: TOKENS }, (_, n) => {
    const claims = googleClaims(Date.now(), "grpcs://grpc-gateway-1", `caller-${n}@example.com`);
    return `Bearer ${keys.mint(claims)}`;
  });

  let made = 0;
  const call = async (): Promise<void> => {
    const traceId = randomBytes(16).toString("hex");
    const answer = await client.call(
      {
        ":path": echoService.unary.path,
        authorization: bearers[made++ % TOKENS],
        traceparent: `00-${traceId}-${traceId.slice(16)}-01`,
      },
      echoService.unary.request,
    );
    if (answer.trailers["grpc-status"] !== "0") throw new Error(JSON.stringify(answer.headers));
  };
  const until = async (count: number): Promise<void> => {
    const caller = async () => {
      while (made < count) await call();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, caller));
    backend.calls.length = 0;
    heaps.push(await heapAfterCollection());
  };
  await until(1000);
  await until(10_000);
  await until(20_000);
}
// What was closed just now is gone a few turns later.
for (let turn = 0; open().length > 0 && turn < 100; turn++) await nextTurn();
const found: MemoryRun = {
  after1000: heaps[0] ?? 0,
  after10000: heaps[1] ?? 0,
  after20000: heaps[2] ?? 0,
  told,
  openBefore: before.open,
  openAfter: open(),
  listenersBefore: before.listeners,
  listenersAfter: listeners(),
};
process.stdout.write(JSON.stringify(found));

/** Weak references and finalizers need turns between collections. */
async function heapAfterCollection(): Promise<number> {
  for (let n = 0; n < 4; n++) {
    collect();
    await nextTurn();
  }
  return process.memoryUsage().heapUsed;
}

function open(): string[] {
  return process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|FSReq|Close)/.test(name));
}

function listeners(): number {
  const events = process.eventNames();
  return events.reduce((sum, event) => sum + process.listenerCount(event), 0);
}

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { mock, type TestContext } from "node:test";
import type { ConfigInput } from "../../load-config.ts";
import type { ToWorker } from "./messages.ts";
import { WorkerPool } from "./worker-pool.ts";
import type { Worker, WorkerEvents } from "./worker-process.ts";

/** A worker without a process: a test says what becomes of it. */
export class FakeWorker implements Worker {
  readonly number: number;
  readonly pid: number;
  version: number;
  state: Worker["state"] = "starting";
  readonly sent: ToWorker[] = [];
  readonly sockets: Socket[] = [];
  readonly events: WorkerEvents;
  readonly #ended = Promise.withResolvers<void>();
  readonly ended = this.#ended.promise;
  isKilled = false;

  constructor(number: number, version: number, pid: number, events: WorkerEvents) {
    this.number = number;
    this.version = version;
    this.pid = pid;
    this.events = events;
  }

  get connections(): number {
    return this.sockets.length;
  }

  get configs(): string[] {
    return this.sent.flatMap((message) =>
      message.kind === "start" || message.kind === "reload" ? message.config.config.text : [],
    );
  }

  /** It boots and gets ready. */
  boot(): void {
    this.events.onRunning(this);
    this.events.onReady(this);
  }

  /** What the last reload came to. */
  reloaded(fault?: string): void {
    const last = this.sent.findLast(({ kind }) => kind === "reload");
    assert.ok(last?.kind === "reload");
    this.events.onReloaded(this, last.config.version, fault);
  }

  die(how: string): void {
    const hadLeft = this.state === "leaving";
    this.state = "ended";
    this.#ended.resolve();
    this.events.onEnd(this, how, hadLeft);
  }

  send(message: ToWorker): void {
    this.sent.push(message);
  }

  drain(): void {
    this.state = "leaving";
    this.events.onLeaving(this);
  }

  kill(): void {
    this.isKilled = true;
  }

  speak(): void {}

  hand(socket: Socket): void {
    this.sockets.push(socket);
  }

  takeBack(): Socket[] {
    return this.sockets.splice(0);
  }
}

export const configOf = (text: string): ConfigInput => ({
  file: "api_config.yaml",
  text,
  image: new Uint8Array(),
  imageFile: "image.pb",
  values: {},
});

/** A pool of fake workers under a clock of the test's own. */
export function poolOf(context: TestContext, count: number) {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  context.after(() => mock.timers.reset());
  const workers: FakeWorker[] = [];
  const log: string[] = [];
  const pool = new WorkerPool({
    count,
    settings: {
      host: "127.0.0.1",
      port: 0,
      tls: undefined,
      ca: [],
      resolve: new Map(),
      backend: undefined,
      engine: "callpath",
      headerPrefix: undefined,
      healthz: undefined,
      json: false,
    },
    config: configOf("old"),
    hasTokens: false,
    fork(number, version, events) {
      const worker = new FakeWorker(number, version, 100 + workers.length, events);
      workers.push(worker);
      return worker;
    },
    note: (line) => log.push(line),
    log: (severity, message) => log.push(`${severity} ${message}`),
    onLines() {},
    answer: async () => ({ ok: false, fault: "nobody asks" }),
    nowMs: Date.now,
  });
  const at = (index: number): FakeWorker => {
    const worker = workers.at(index);
    assert.ok(worker !== undefined);
    return worker;
  };
  return { pool, workers, at, log };
}

/** The same, once all its workers serve. */
export async function started(context: TestContext, count: number) {
  const parts = poolOf(context, count);
  const starting = parts.pool.start();
  for (const worker of [...parts.workers]) worker.boot();
  await starting;
  return parts;
}

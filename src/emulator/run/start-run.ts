import { type KeySet, parseKeySet } from "../../auth/key-set.ts";
import { type Service, ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import { UpstreamPool } from "../../http2/client.ts";
import type { Engine } from "../../http2/exchange.ts";
import type { Limits } from "../../http2/limits.ts";
import { type HttpServer, startHttpServer } from "../../http2/server.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import type { Store } from "../store.ts";
import { Front } from "./front.ts";
import type { RevisionTimes } from "./revision-times.ts";
import { RunService } from "./run-service.ts";
import { deterministicUri, writeServiceState } from "./service-status.ts";
import type { InstanceWorld } from "./start-instance.ts";

export interface RunOptions {
  readonly store: Store;
  readonly world: Omit<InstanceWorld, "openPool">;
  /** The issuer's current JWKS. */
  readonly keySetJson: () => string;
  readonly projectNumber: string;
  /** A certificate for the front of a service with these names. */
  readonly certificate: (hosts: readonly string[]) => {
    readonly cert: string;
    readonly key: string;
  };
  /** Opens a service's listener: `start` with the port that it is to have. */
  readonly listen: (
    service: string,
    start: (port: number) => Promise<HttpServer>,
  ) => Promise<HttpServer>;
  readonly engine: Engine;
  readonly limits: Limits;
  readonly times: RevisionTimes;
  /** How long calls in flight may take when everything ends. */
  readonly drainMs: number;
  /** How long instances may take then, from SIGTERM to SIGKILL … */
  readonly graceMs: number;
  /** … which is sent no later than this after the end began. */
  readonly endMs: number;
  readonly stripSignature?: boolean;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly onTraffic?: (event: TrafficEvent) => void;
  readonly log: (severity: "INFO" | "WARNING" | "ERROR", message: string) => void;
}

/** An instance that runs now. */
export interface InstanceFact {
  readonly id: string;
  readonly revision: string;
  readonly port: number;
  readonly pid: number | undefined;
  readonly inFlight: number;
}

/** Cloud Run on this machine. Disposing: fronts finish their calls, then instances get SIGTERM, then SIGKILL. */
export interface RunningRun extends AsyncDisposable {
  /** Where a service's front listens, also before the service is there. */
  addressOf(service: string): Promise<URL>;
  /** The revision that a service's last message led to, once it serves; rejects with the reason when it does not. */
  settled(service: string): Promise<{ readonly url: URL; readonly revision: string }>;
  instancesOf(service: string): readonly InstanceFact[];
}

/** What runs for one service. */
interface Running {
  readonly service: RunService;
  readonly front: Front;
  readonly server: HttpServer;
  readonly url: URL;
}

/** Follow every google.cloud.run.v2.Service of the store, those that are there and those that come. */
export function startRun(options: RunOptions): RunningRun {
  return new Run(options);
}

class Run implements RunningRun {
  readonly #options: RunOptions;
  readonly #running = new Map<string, Promise<Running>>();
  readonly #ending = new Set<Promise<void>>();
  readonly #portsInUse = new Set<number>();
  readonly #watch: Disposable;
  readonly #keys: () => KeySet;
  /** Of those whose listener is open. */
  readonly #services = new Map<string, RunService>();

  constructor(options: RunOptions) {
    this.#options = options;
    this.#keys = keysOf(options.keySetJson);
    const { store } = options;
    this.#watch = store.watch(ServiceSchema, (name) => this.#follow(name));
    for (const { name } of store.list(ServiceSchema)) this.#follow(name);
  }

  async settled(name: string): Promise<{ readonly url: URL; readonly revision: string }> {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`there is no Cloud Run service ${name}`);
    const { service, url } = await running;
    return { url, revision: await service.settled };
  }

  async addressOf(name: string): Promise<URL> {
    return (await this.#opened(name)).url;
  }

  instancesOf(name: string): readonly InstanceFact[] {
    const { serving } = this.#services.get(name) ?? { serving: undefined };
    if (serving?.kind !== "revision") return [];
    const { revision } = serving.revision.spec;
    return serving.revision.instances.map(({ id, port, pid, inFlight }) => ({
      id,
      revision,
      port,
      pid,
      inFlight,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    for (const name of [...this.#running.keys()]) this.#end(name);
    await Promise.all(this.#ending);
  }

  #follow(name: string): void {
    const message = this.#options.store.get(ServiceSchema, name)?.message;
    if (message === undefined) {
      this.#end(name);
      return;
    }
    // While its listener is being opened nothing starts; then the newest message counts.
    this.#services.get(name)?.follow(message);
    // Why it cannot is said there.
    this.#opened(name).catch(() => {});
  }

  #opened(name: string): Promise<Running> {
    const known = this.#running.get(name);
    if (known !== undefined) return known;
    const opening = this.#open(name);
    this.#running.set(name, opening);
    opening.catch((cause: unknown) => {
      this.#running.delete(name);
      this.#options.log("ERROR", `Cloud Run service ${name}: ${String(cause)}`);
    });
    return opening;
  }

  async #open(name: string): Promise<Running> {
    const options = this.#options;
    const { store, engine, limits, nowMs, random, times, log } = options;
    const uri = deterministicUri(name, options.projectNumber);
    const service = new RunService({
      name,
      world: {
        ...options.world,
        openPool: (port) => new UpstreamPool({ host: "127.0.0.1", port, engine, limits, nowMs }),
      },
      times,
      nowMs,
      random,
      portsInUse: this.#portsInUse,
      log,
      onState: (state) => writeServiceState(store, name, uri, state),
    });
    let origin = uri;
    const front = new Front({
      serviceName: name,
      store,
      keys: this.#keys,
      origins: () => [origin, uri],
      serving: () => service.serving,
      engine,
      nowMs,
      ...(options.stripSignature === undefined ? {} : { stripSignature: options.stripSignature }),
      ...(options.onTraffic === undefined ? {} : { onTraffic: options.onTraffic }),
    });
    const tls = options.certificate(["localhost", "127.0.0.1", "::1", new URL(uri).hostname]);
    const server = await options
      .listen(name, (port) =>
        startHttpServer({
          host: "127.0.0.1",
          port,
          engine,
          limits,
          tls,
          handler: front.handler,
          drainMs: options.drainMs,
        }),
      )
      .catch((cause: unknown) => {
        front[Symbol.dispose]();
        throw cause;
      });
    const url = new URL(`https://localhost:${server.port}`);
    origin = url.origin;
    store.setAddress(name, origin);
    this.#services.set(name, service);
    const message: Service | undefined = store.get(ServiceSchema, name)?.message;
    if (message !== undefined) service.follow(message);
    return { service, front, server, url };
  }

  #end(name: string): void {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    const ending = this.#stop(name, running);
    this.#ending.add(ending);
    void ending.then(() => this.#ending.delete(ending));
  }

  async #stop(name: string, running: Promise<Running>): Promise<void> {
    const opened = await running.catch(() => undefined); // said when it failed
    if (opened === undefined) return;
    const { service, front, server } = opened;
    this.#options.store.setAddress(name, undefined);
    const { nowMs, graceMs, endMs } = this.#options;
    const untilMs = nowMs() + endMs;
    await server[Symbol.asyncDispose]();
    this.#services.delete(name);
    await service.stop(Math.max(Math.min(graceMs, untilMs - nowMs()), 0));
    front[Symbol.dispose]();
  }
}

/** Parsed once a key set: what was verified hangs on its identity. */
function keysOf(json: () => string): () => KeySet {
  let source: string | undefined;
  let keys: KeySet = { keys: [] };
  return () => {
    const now = json();
    if (now === source) return keys;
    const parsed = parseKeySet(now);
    if ("fault" in parsed) throw new Error(`the local issuer's keys: ${parsed.detail}`);
    source = now;
    keys = parsed;
    return keys;
  };
}

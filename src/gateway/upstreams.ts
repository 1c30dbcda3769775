import type { Upstream } from "../config/model.ts";
import { UpstreamPool } from "../http2/client.ts";
import type { Engine } from "../http2/exchange.ts";
import type { Limits } from "../http2/limits.ts";
import { whereTo } from "./get-text.ts";

export interface UpstreamsOptions {
  readonly engine: Engine;
  readonly limits: Limits;
  readonly ca: readonly string[];
  readonly resolve: ReadonlyMap<string, string>;
  /** Send everything here (`--backend`). */
  readonly backend: URL | undefined;
  readonly nowMs: () => number;
}

/** The pools of upstream connections, one a `host:port` (BE-6), shared by all routes and kept across reloads. */
export class Upstreams implements AsyncDisposable {
  readonly #options: UpstreamsOptions;
  readonly #pools = new Map<string, UpstreamPool>();

  constructor(options: UpstreamsOptions) {
    this.#options = options;
  }

  /** The pool that leads to that upstream; connects on first use. */
  poolFor(upstream: Upstream): UpstreamPool {
    const place = this.#placeOf(upstream);
    const key = `${place.tls ? "tls" : "clear"} ${place.host}:${place.port}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = this.#open(place);
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** Close the pools that none of these upstreams uses; calls in flight on them end first. */
  async keep(upstreams: Iterable<Upstream>): Promise<void> {
    const used = new Set([...upstreams].map((upstream) => this.poolFor(upstream)));
    const unused = [...this.#pools].filter(([, pool]) => !used.has(pool));
    for (const [key] of unused) this.#pools.delete(key);
    await Promise.all(unused.map(([, pool]) => pool[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool[Symbol.asyncDispose]()));
  }

  #placeOf(upstream: Upstream): { host: string; port: number; tls: boolean } {
    const { backend } = this.#options;
    if (backend === undefined) return upstream;
    const isTls = /^(grpcs|https):$/.test(backend.protocol);
    return { host: backend.hostname, port: Number(backend.port) || (isTls ? 443 : 80), tls: isTls };
  }

  #open({ host, port, tls }: { host: string; port: number; tls: boolean }): UpstreamPool {
    const { engine, limits, ca, resolve, nowMs } = this.#options;
    return new UpstreamPool({
      ...whereTo(host, port, resolve),
      ...(tls ? { tls: { servername: host.replace(/^\[|\]$/g, ""), ca } } : {}),
      engine,
      limits,
      nowMs,
    });
  }
}

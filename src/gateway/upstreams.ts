import { connectTarget } from "../auth/fetch-text.ts";
import type { Upstream } from "../config/model.ts";
import { UpstreamPool } from "../http2/client.ts";
import type { Engine } from "../http2/exchange.ts";
import type { Limits } from "../http2/limits.ts";

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
  readonly #leaving = new Set<Promise<void>>();

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

  /** Close the pools that none of these upstreams uses; calls in flight on them end first, and nobody waits for that. */
  keep(upstreams: Iterable<Upstream>): void {
    const used = new Set([...upstreams].map((upstream) => this.poolFor(upstream)));
    for (const [key, pool] of this.#pools) {
      if (used.has(pool)) continue;
      this.#pools.delete(key);
      const closed = pool[Symbol.asyncDispose]().finally(() => this.#leaving.delete(closed));
      this.#leaving.add(closed);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all([...this.#leaving, ...pools.map((pool) => pool[Symbol.asyncDispose]())]);
  }

  #placeOf(upstream: Upstream): { host: string; port: number; tls: boolean } {
    const { backend } = this.#options;
    if (backend === undefined) return upstream;
    const isTls = /^(grpcs|https):$/.test(backend.protocol);
    return { host: backend.hostname, port: Number(backend.port) || (isTls ? 443 : 80), tls: isTls };
  }

  #open({ host, port, tls }: { host: string; port: number; tls: boolean }): UpstreamPool {
    const { engine, limits, ca, resolve, nowMs } = this.#options;
    const hostname = host.replace(/^\[|\]$/g, "");
    return new UpstreamPool({
      ...connectTarget(hostname, port, resolve),
      ...(tls ? { tls: { servername: hostname, ca } } : {}),
      engine,
      limits,
      nowMs,
    });
  }
}

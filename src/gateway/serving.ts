import type { GatewayModel, JwtProvider } from "../config/model.ts";
import type { Engine } from "../http2/exchange.ts";
import type { Field, Head } from "../http2/head.ts";
import type { Limits } from "../http2/limits.ts";
import { BackendTokens } from "./backend-tokens.ts";
import { type Decision, decide } from "./decide/decide.ts";
import { VerifiedTokens } from "./decide/verified-tokens.ts";
import { keyServers } from "./fetch-keys.ts";
import { KeySets } from "./key-sets.ts";
import type { GatewayOptions } from "./options.ts";
import { planRoutes, type RoutePlan, type Routing } from "./routing.ts";
import { Upstreams } from "./upstreams.ts";

/** What a gateway serves by: a model and all that it needs, fetched and kept fresh; a reload swaps them. */
export class Serving implements AsyncDisposable {
  readonly #options: GatewayOptions;
  readonly #engine: Engine;
  readonly #headerPrefix: string;
  readonly #upstreams: Upstreams;
  readonly #keys: KeySets;
  readonly #tokens: BackendTokens | undefined;
  readonly #verified = new VerifiedTokens();
  #routing: Routing | undefined;
  #loading: Promise<void> = Promise.resolve();
  #newer: PromiseWithResolvers<never> | undefined;

  constructor(options: GatewayOptions, engine: Engine, limits: Limits, headerPrefix: string) {
    const { ca = [], resolve = new Map<string, string>(), backend, nowMs } = options;
    const log = options.log ?? (() => {});
    this.#options = options;
    this.#engine = engine;
    this.#headerPrefix = headerPrefix;
    this.#upstreams = new Upstreams({ engine, limits, ca, resolve, backend, nowMs });
    const fetchKeys = options.fetchKeys ?? keyServers({ ca, resolve });
    this.#keys = new KeySets({ fetchKeys, nowMs, log });
    this.#tokens =
      options.backendTokens === undefined
        ? undefined
        : new BackendTokens({ mint: options.backendTokens, field: engine.field, nowMs, log });
  }

  /**
   * Serve new calls by this model once its keys were asked for and its tokens are there. One at a time, in order; a model
   * that still waits for a token when the next one comes is given up: its load rejects.
   */
  load(model: GatewayModel): Promise<void> {
    this.#newer?.reject(new Error("a newer config came before the tokens of this one were there"));
    const newer = Promise.withResolvers<never>();
    newer.promise.catch(() => {});
    this.#newer = newer;
    const loaded = this.#loading.then(() => this.#swap(model, newer.promise));
    this.#loading = loaded.catch(() => {});
    return loaded;
  }

  /** Signatures that had to be looked at so far. */
  get signatureChecks(): number {
    return this.#verified.checks;
  }

  /** @param steps keep what was looked at, step by step */
  decide(head: Head, steps: boolean): Decision {
    const { model } = this.#serving();
    const options = { cache: this.#verified, steps };
    return decide(model, this.#keys, head, this.#options.nowMs(), options);
  }

  /** JK-3: one fetch for all who wait; never rejects. */
  fetchKeys(provider: JwtProvider): Promise<void> {
    return this.#keys.fetch(provider);
  }

  planOf(route: RoutePlan["route"]): RoutePlan {
    const plan = this.#serving().plans.get(route);
    if (plan === undefined) throw new Error(`no plan for ${route.path}`);
    return plan;
  }

  /** The gateway's own token for a route; undefined: none is wanted. */
  ownToken({ audience }: RoutePlan): Field | "missing" | undefined {
    if (audience === undefined || this.#tokens === undefined) return undefined;
    return this.#tokens.get(audience) ?? "missing";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keys[Symbol.dispose]();
    this.#tokens?.[Symbol.dispose]();
    await this.#upstreams[Symbol.asyncDispose]();
  }

  #serving(): Routing {
    if (this.#routing === undefined) throw new Error("a call before the model was loaded");
    return this.#routing;
  }

  async #swap(model: GatewayModel, newer: Promise<never>): Promise<void> {
    const routing = planRoutes(model, {
      upstreams: this.#upstreams,
      field: this.#engine.field,
      headerPrefix: this.#headerPrefix,
      backend: this.#options.backend,
      hasIdentity: this.#tokens !== undefined,
    });
    const before = this.#routing;
    // What the old routing uses stays until the new one serves.
    const providers = [...(before?.model.providers.values() ?? []), ...model.providers.values()];
    const audiences = new Set([...(before?.audiences ?? []), ...routing.audiences]);
    const ready = Promise.all([this.#keys.keep(providers), this.#tokens?.keep(audiences)]);
    await Promise.race([ready, newer]);
    this.#routing = routing;
    await Promise.all([
      this.#keys.keep(model.providers.values()),
      this.#tokens?.keep(routing.audiences),
    ]);
    this.#upstreams.keep([...routing.plans.keys()].map(({ upstream }) => upstream));
  }
}

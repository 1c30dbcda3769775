import { randomBytes } from "node:crypto";
import type { GatewayModel } from "../config/model.ts";
import { callpathEngine } from "../http2/engine.ts";
import type { Exchange, SessionHandler } from "../http2/exchange.ts";
import { type Field, firstValue, type Head } from "../http2/head.ts";
import { defaultLimits } from "../http2/limits.ts";
import { createRelay, type RelayCall } from "../http2/relay.ts";
import { startHttpServer } from "../http2/server.ts";
import { isGrpc, type LocalAnswer, writeAnswer } from "./answers.ts";
import { BackendTokens } from "./backend-tokens.ts";
import { type Call, CallLog, traceIdOf } from "./call-log.ts";
import { type Decision, decide, type Forward } from "./decide/decide.ts";
import { VerifiedTokens } from "./decide/verified-tokens.ts";
import { failureAnswer } from "./failures.ts";
import { HeldRequests } from "./held-requests.ts";
import { KeySets } from "./key-sets.ts";
import { notYet, tokenNotFound } from "./local-refusals.ts";
import type { GatewayOptions, RunningGateway } from "./options.ts";
import { planRoutes, type RoutePlan, type Routing } from "./routing.ts";
import { TokenFieldCache } from "./token-fields.ts";
import { untilAborted } from "./until-aborted.ts";
import { upstreamHead, upstreamTrailers } from "./upstream-head.ts";
import { Upstreams } from "./upstreams.ts";

type Downstream = Exchange<RelayCall<Call> | undefined>;

/** How long calls in flight may take at the end. */
const DRAIN_MS = 7_000;

/**
 * Listen, and keep going until the returned handle is disposed. Resolves when keys were asked for and every backend
 * token is there (JK-2, TK-6); rejects when the port cannot be had or `signal` aborts before.
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const gateway = new Gateway(options);
  try {
    await untilAborted(gateway.load(options.model), options.signal);
    const server = await startHttpServer({
      host: options.host ?? "127.0.0.1",
      port: options.port ?? 8080,
      engine: gateway.engine,
      limits: gateway.limits,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      handler: gateway.handler,
      drainMs: options.drainMs ?? DRAIN_MS,
    });
    return {
      url: server.url,
      reload: (model) => gateway.load(model),
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        await gateway[Symbol.asyncDispose]();
      },
    };
  } catch (cause) {
    await gateway[Symbol.asyncDispose]();
    throw cause;
  }
}

/** What a call meets, in order: head -> decide -> an answer of our own, or a head for the service and the relay. */
class Gateway implements AsyncDisposable {
  readonly engine;
  readonly limits;
  readonly handler: SessionHandler<RelayCall<Call> | undefined>;
  readonly #options: GatewayOptions;
  readonly #upstreams: Upstreams;
  readonly #keys: KeySets;
  readonly #tokens: BackendTokens | undefined;
  readonly #verified = new VerifiedTokens();
  readonly #log: CallLog | undefined;
  readonly #relay;
  readonly #held: HeldRequests<RelayCall<Call> | undefined>;
  readonly #prefix: string;
  readonly #tokenFields: TokenFieldCache;
  #routing: Routing | undefined;

  constructor(options: GatewayOptions) {
    const { ca = [], resolve = new Map<string, string>(), backend, nowMs } = options;
    const log = options.log ?? (() => {});
    this.#options = options;
    this.engine = options.engine ?? callpathEngine;
    this.limits = { ...defaultLimits, ...options.limits };
    this.#prefix = (options.headerPrefix ?? "x-apigateway-").toLowerCase();
    this.#tokenFields = new TokenFieldCache(this.engine.field, this.#prefix);
    this.#upstreams = new Upstreams({
      engine: this.engine,
      limits: this.limits,
      ca,
      resolve,
      backend,
      nowMs,
    });
    this.#keys = new KeySets({ ca, resolve, nowMs, log });
    this.#tokens =
      options.backendTokens === undefined
        ? undefined
        : new BackendTokens({ mint: options.backendTokens, field: this.engine.field, nowMs, log });
    this.#log = options.onTraffic === undefined ? undefined : new CallLog(options.onTraffic, nowMs);
    this.#relay = createRelay<Call>(
      {
        requestTrailers: (call, trailers) => upstreamTrailers(trailers, call.plan.dropped),
        fail: (call, exchange, failure) => {
          const answer = failureAnswer(failure, call.plan.route);
          call.failure = answer;
          this.#write(exchange, answer, true);
        },
        end: (call, outcome) => this.#log?.forwarded(call, outcome),
      },
      { nowMs },
    );
    this.#held = new HeldRequests(this.#relay.downstream);
    this.handler = {
      ...this.#relay.downstream,
      onHead: (exchange, head, end) => this.#onHead(exchange, head, end),
      onData: (exchange, bytes, end) => this.#held.onData(exchange, bytes, end),
      onTrailers: (exchange, trailers) => this.#held.onTrailers(exchange, trailers),
      onClose: (exchange, code) => this.#held.onClose(exchange, code),
      onEnd() {},
    };
  }

  /** Serve new calls by this model once its keys were asked for and its tokens are there. */
  async load(model: GatewayModel): Promise<void> {
    const { backend } = this.#options;
    const routing = planRoutes(model, {
      upstreams: this.#upstreams,
      field: this.engine.field,
      headerPrefix: this.#prefix,
      backend,
      hasIdentity: this.#tokens !== undefined,
    });
    const before = this.#routing;
    // What the old routing uses stays until the new one serves.
    const providers = [...(before?.model.providers.values() ?? []), ...model.providers.values()];
    const audiences = new Set([...(before?.audiences ?? []), ...routing.audiences]);
    await Promise.all([this.#keys.keep(providers), this.#tokens?.keep(audiences)]);
    this.#routing = routing;
    await Promise.all([
      this.#keys.keep(model.providers.values()),
      this.#tokens?.keep(routing.audiences),
      this.#upstreams.keep([...routing.plans.keys()].map(({ upstream }) => upstream)),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keys[Symbol.dispose]();
    this.#tokens?.[Symbol.dispose]();
    await this.#upstreams[Symbol.asyncDispose]();
    this.#relay[Symbol.dispose]();
  }

  #onHead(exchange: Downstream, head: Head, end: boolean): void {
    const { healthz } = this.#options;
    if (healthz !== undefined && firstValue(head, ":path") === healthz)
      this.#health(exchange, head);
    else this.#decide(exchange, head, end, this.#options.nowMs());
  }

  #decide(exchange: Downstream, head: Head, end: boolean, startedAtMs: number): void {
    const decision = this.#decision(head, false);
    switch (decision.kind) {
      case "forward":
        this.#forward(exchange, head, end, decision, startedAtMs);
        return;
      case "refuse": {
        const { refusal } = decision;
        const steps =
          this.#options.traceRefusals === true ? this.#decision(head, true).steps : undefined;
        this.#log?.refused(head, startedAtMs, refusal, refusal.httpStatus, steps);
        this.#answer(exchange, head, end, { ...refusal, grpcStatus: refusal.code });
        return;
      }
      case "keys-needed":
        this.#held.holdForKeys(exchange, end);
        // JK-3: the call waits for one fetch, shared with all who wait.
        void this.#keys.fetch(decision.provider).then(() => {
          this.#held.letGo(exchange, (ended) => this.#decide(exchange, head, ended, startedAtMs));
        });
    }
  }

  #decision(head: Head, steps: boolean): Decision {
    const routing = this.#routing;
    if (routing === undefined) throw new Error("a call before the model was loaded");
    return decide(routing.model, this.#keys, head, this.#options.nowMs(), {
      cache: this.#verified,
      steps,
    });
  }

  #forward(
    exchange: Downstream,
    head: Head,
    end: boolean,
    decision: Forward,
    startedAtMs: number,
  ): void {
    const { route, claims, userInfo } = decision;
    const plan = this.#routing?.plans.get(route);
    if (plan === undefined) throw new Error(`no plan for ${route.path}`);
    const own = this.#ownToken(plan);
    if (own === "missing" || !isGrpc(head)) {
      const refusal =
        own === "missing"
          ? tokenNotFound(plan.audience ?? "")
          : notYet(firstValue(head, "content-type"));
      this.#log?.refused(head, startedAtMs, refusal, refusal.httpStatus);
      this.#answer(exchange, head, end, refusal);
      return;
    }
    const trace = this.#log === undefined ? undefined : this.#trace(head);
    const token =
      claims === undefined || userInfo === undefined
        ? undefined
        : this.#tokenFields.of(claims, userInfo, head);
    const add = {
      path: decision.path,
      authorization: own,
      userInfo: token?.info,
      moved: token?.moved,
      trace: trace?.added,
    };
    const sent = upstreamHead(head, plan, add, this.engine.field);
    const call: Call = {
      startedAtMs,
      path: route.path,
      plan,
      traceId: trace?.id,
      claims,
      failure: undefined,
    };
    const { pool, deadlineMs, idleMs } = plan;
    this.#relay.forward(exchange, end, call, { pool, head: sent, deadlineMs, idleMs, retry: true });
  }

  /** The gateway's own token for the route; undefined: none is wanted. */
  #ownToken({ audience }: RoutePlan): Field | "missing" | undefined {
    if (audience === undefined || this.#tokens === undefined) return undefined;
    return this.#tokens.get(audience) ?? "missing";
  }

  /** Hops are joined by trace id: the caller's, or one made here and sent on. */
  #trace(head: Head): { id: string; added: Field | undefined } {
    const received = traceIdOf(head);
    if (received !== undefined) return { id: received, added: undefined };
    const id = randomBytes(16).toString("hex");
    return { id, added: this.engine.field("traceparent", `00-${id}-${id.slice(0, 16)}-01`) };
  }

  #health(exchange: Downstream, head: Head): void {
    const status = firstValue(head, ":method") === "GET" ? "200" : "405";
    exchange.head([this.engine.field(":status", status)], true);
  }

  /** gRPC clients read an answer at once; plain HTTP ones when their request has left. */
  #answer(exchange: Downstream, head: Head, end: boolean, answer: LocalAnswer): void {
    const grpc = isGrpc(head);
    if (grpc || end) this.#write(exchange, answer, grpc);
    else this.#held.holdForEnd(exchange, (one) => this.#write(one, answer, false));
  }

  #write(exchange: Downstream, answer: LocalAnswer, grpc: boolean): void {
    const { head, body } = writeAnswer(answer, grpc, this.engine.field);
    exchange.head(head, body === undefined);
    if (body !== undefined) exchange.data(body, true);
  }
}

import { randomBytes } from "node:crypto";
import type { GatewayModel } from "../config/model.ts";
import { callpathEngine } from "../http2/engine.ts";
import type { Exchange, SessionHandler } from "../http2/exchange.ts";
import { type Field, firstValue, type Head } from "../http2/head.ts";
import { defaultLimits } from "../http2/limits.ts";
import { createRelay, type RelayCall } from "../http2/relay.ts";
import { startHttpServer } from "../http2/server.ts";
import { isGrpc, type LocalAnswer, writeAnswer } from "./answers.ts";
import { type Call, CallLog, traceIdOf } from "./call-log.ts";
import type { Forward } from "./decide/decide.ts";
import { failureAnswer } from "./failures.ts";
import { HeldRequests } from "./held-requests.ts";
import { notYet, tokenNotFound } from "./local-refusals.ts";
import type { GatewayOptions, RunningGateway } from "./options.ts";
import { Serving } from "./serving.ts";
import { TokenFieldCache } from "./token-fields.ts";
import { untilAborted } from "./until-aborted.ts";
import { upstreamHead, upstreamTrailers } from "./upstream-head.ts";

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
      ...(options.connections === undefined ? {} : { connections: options.connections }),
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

/**
 * What looking at a signature costs the connection that brought it, in small frames (Limits.turnWork): an RS256 check
 * takes 30 to 45 us. Against: ever other tokens, each of which takes a check.
 */
const SIGNATURE_WORK = 200;

/** What a call meets, in order: head -> decide -> an answer of our own, or a head for the service and the relay. */
class Gateway implements AsyncDisposable {
  readonly engine;
  readonly limits;
  readonly handler: SessionHandler<RelayCall<Call> | undefined>;
  readonly #options: GatewayOptions;
  readonly #serving: Serving;
  readonly #log: CallLog | undefined;
  readonly #relay;
  readonly #held: HeldRequests<RelayCall<Call> | undefined>;
  readonly #prefix: string;
  readonly #tokenFields: TokenFieldCache;

  constructor(options: GatewayOptions) {
    const { nowMs } = options;
    this.#options = options;
    this.engine = options.engine ?? callpathEngine;
    // HD-9: some services take x_apigateway_api_userinfo for x-apigateway-api-userinfo.
    this.limits = { ...defaultLimits, rejectUnderscores: true, ...options.limits };
    this.#prefix = (options.headerPrefix ?? "x-apigateway-").toLowerCase();
    this.#tokenFields = new TokenFieldCache(this.engine.field, this.#prefix);
    this.#serving = new Serving(options, this.engine, this.limits, this.#prefix);
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
      // A bug of ours: it ends this call and no other, and somebody must hear of it.
      onError: (_exchange, error) =>
        options.log?.(
          "ERROR",
          error instanceof Error ? (error.stack ?? error.message) : String(error),
        ),
    };
  }

  load(model: GatewayModel): Promise<void> {
    return this.#serving.load(model);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#serving[Symbol.asyncDispose]();
    this.#relay[Symbol.dispose]();
  }

  #onHead(exchange: Downstream, head: Head, end: boolean): void {
    const { healthz } = this.#options;
    if (healthz !== undefined && firstValue(head, ":path") === healthz)
      this.#health(exchange, head);
    else this.#decide(exchange, head, end, this.#options.nowMs());
  }

  #decide(exchange: Downstream, head: Head, end: boolean, startedAtMs: number): void {
    const checksBefore = this.#serving.signatureChecks;
    const decision = this.#serving.decide(head, false);
    const checks = this.#serving.signatureChecks - checksBefore;
    if (checks > 0) exchange.session.charge?.(checks * SIGNATURE_WORK);
    switch (decision.kind) {
      case "forward":
        this.#forward(exchange, head, end, decision, startedAtMs);
        return;
      case "refuse": {
        const { refusal } = decision;
        const steps =
          this.#options.traceRefusals === true ? this.#serving.decide(head, true).steps : undefined;
        this.#log?.refused(head, startedAtMs, refusal, refusal.httpStatus, steps);
        this.#answer(exchange, head, end, { ...refusal, grpcStatus: refusal.code });
        return;
      }
      case "keys-needed":
        this.#held.holdForKeys(exchange, end);
        // JK-3: the call waits for one fetch, shared with all who wait.
        void this.#serving.fetchKeys(decision.provider).then(() => {
          this.#held.letGo(exchange, (ended) => this.#decide(exchange, head, ended, startedAtMs));
        });
    }
  }

  #forward(
    exchange: Downstream,
    head: Head,
    end: boolean,
    decision: Forward,
    startedAtMs: number,
  ): void {
    const { route, claims, userInfo } = decision;
    const plan = this.#serving.planOf(route);
    const own = this.#serving.ownToken(plan);
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
      connection: this.#log?.connectionOf(exchange.session),
      claims,
      failure: undefined,
    };
    const { pool, deadlineMs, idleMs } = plan;
    this.#relay.forward(exchange, end, call, { pool, head: sent, deadlineMs, idleMs, retry: true });
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

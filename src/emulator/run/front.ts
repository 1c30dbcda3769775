import type { KeySet } from "../../auth/key-set.ts";
import { type CheckedToken, VerifiedTokens } from "../../gateway/decide/verified-tokens.ts";
import { HeldRequests } from "../../gateway/held-requests.ts";
import type { Engine, ErrorCode, Exchange, SessionHandler } from "../../http2/exchange.ts";
import { type Field, firstValue, type Head } from "../../http2/head.ts";
import { createRelay, type RelayCall, type RelayOutcome } from "../../http2/relay.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import type { Store } from "../store.ts";
import { admit, type Checked, type Gate } from "./admit.ts";
import { SIGNATURE_REMOVED } from "./check-caller.ts";
import { containerHead, containerTrailers, traceOf } from "./container-head.ts";
import { type Denial, startFailed, writeDenial } from "./denials.ts";
import { cutShort, failureDenial, noInstanceDenial } from "./failure-denials.ts";
import { InstanceSource } from "./instance-source.ts";
import { type RunCall, trafficEvent } from "./run-call.ts";
import type { RunningRevision } from "./running-revision.ts";
import type { Serving } from "./serving.ts";
import type { Instance } from "./start-instance.ts";
import type { WaitingCall } from "./waiting-calls.ts";

export interface FrontOptions {
  readonly serviceName: string;
  readonly store: Store;
  readonly keys: () => KeySet;
  readonly origins: () => readonly string[];
  readonly serving: () => Serving;
  /** Default true: the container gets no signature of a token that was checked here. */
  readonly stripSignature?: boolean;
  readonly engine: Engine;
  readonly nowMs: () => number;
  readonly onTraffic?: (event: TrafficEvent) => void;
}

type Downstream = Exchange<RelayCall<RunCall> | undefined>;

/** A call that has no instance yet. */
interface Waiting {
  readonly call: RunCall;
  readonly waiter: WaitingCall;
  readonly revision: RunningRevision;
}

/**
 * Cloud Run's front for one service. What a call meets, in order: who calls and may they (admit), an instance (of the
 * revision that serves; the call waits where none has room), the head that the container gets, the relay. Refusals
 * are HTTP answers, as Google's are.
 */
export class Front implements Disposable {
  readonly handler: SessionHandler<RelayCall<RunCall> | undefined>;
  readonly #options: FrontOptions;
  readonly #gate: Gate;
  readonly #relay;
  readonly #held: HeldRequests<RelayCall<RunCall> | undefined>;
  readonly #waiting = new Map<Downstream, Waiting>();
  /** Tokens without their signatures, made once a token. */
  readonly #stripped = new WeakMap<CheckedToken, Field>();

  constructor(options: FrontOptions) {
    const { serviceName, store, keys, origins } = options;
    this.#options = options;
    this.#gate = { serviceName, store, keys, origins, verified: new VerifiedTokens() };
    this.#relay = createRelay<RunCall>({
      requestTrailers: (_, trailers) => containerTrailers(trailers),
      fail: (call, exchange, failure) => {
        call.denial = failureDenial(call, failure);
        this.#write(exchange, call, call.denial);
      },
      end: (call, outcome) => this.#onEnd(call, outcome),
    });
    this.#held = new HeldRequests(this.#relay.downstream);
    this.handler = {
      ...this.#relay.downstream,
      onHead: (exchange, head, end) => this.#onHead(exchange, head, end),
      onData: (exchange, bytes, end) => this.#held.onData(exchange, bytes, end),
      onTrailers: (exchange, trailers) => this.#held.onTrailers(exchange, trailers),
      onClose: (exchange, code) => this.#onClose(exchange, code),
      onEnd() {},
    };
  }

  [Symbol.dispose](): void {
    this.#relay[Symbol.dispose]();
  }

  #onHead(exchange: Downstream, head: Head, end: boolean): void {
    const startedAtMs = this.#options.nowMs();
    const admission = admit(head, this.#gate, startedAtMs);
    const trace = traceOf(head);
    const call: RunCall = {
      method: firstValue(head, ":method") ?? "",
      path: firstValue(head, ":path") ?? "",
      startedAtMs,
      traceId: trace.id,
      principal: admission.principal,
      revision: undefined,
      source: undefined,
      denial: undefined,
    };
    if (admission.kind === "denied") {
      this.#deny(exchange, call, admission.denial);
      return;
    }
    const sent = containerHead(
      head,
      {
        clientAddress: exchange.session.peer.address,
        trace,
        checked: this.#replaced(admission.checked),
      },
      this.#options.engine.field,
    );
    this.#toInstance(exchange, call, sent, end);
  }

  /** An instance now, or the call waits for one with what it has received. */
  #toInstance(exchange: Downstream, call: RunCall, head: Head, end: boolean): void {
    const serving = this.#options.serving();
    if (serving.kind === "none") {
      this.#deny(
        exchange,
        call,
        startFailed(serving.detail, "see why its revision is not ready, and deploy again"),
      );
      return;
    }
    const { revision } = serving;
    call.revision = revision.spec.revision;
    let isSettled = false;
    const waiter: WaitingCall = {
      run: (instance) => {
        this.#waiting.delete(exchange);
        this.#held.letGo(exchange, (ended) => {
          this.#forward(exchange, call, head, ended, { revision, instance });
        });
      },
      refuse: (why) => {
        isSettled = true;
        this.#waiting.delete(exchange);
        const next = this.#options.serving();
        // It was replaced while the call waited: its successor takes the call.
        const isReplaced =
          why.kind === "stopped" && next.kind === "revision" && next.revision !== revision;
        const settle = (ended: boolean): void => {
          if (isReplaced) this.#toInstance(exchange, call, head, ended);
          else this.#deny(exchange, call, noInstanceDenial(why, revision));
        };
        if (isHeld) this.#held.letGo(exchange, settle);
        else settle(end);
      },
    };
    let isHeld = false;
    const instance = revision.acquire(waiter);
    if (instance !== undefined) {
      this.#forward(exchange, call, head, end, { revision, instance });
    } else if (!isSettled) {
      isHeld = true;
      this.#held.holdForKeys(exchange, end);
      this.#waiting.set(exchange, { call, waiter, revision });
    }
  }

  #forward(
    exchange: Downstream,
    call: RunCall,
    head: Head,
    end: boolean,
    { revision, instance }: { readonly revision: RunningRevision; readonly instance: Instance },
  ): void {
    const source = new InstanceSource(revision, instance);
    call.source = source;
    const waitedMs = this.#options.nowMs() - call.startedAtMs;
    const deadlineMs = Math.max(revision.spec.timeoutMs - waitedMs, 1);
    this.#relay.forward(exchange, end, call, { pool: source, head, deadlineMs, idleMs: undefined });
  }

  #onEnd(call: RunCall, outcome: RelayOutcome): void {
    call.source?.release();
    call.denial ??= cutShort(call, outcome);
    this.#tell(call, outcome);
  }

  #onClose(exchange: Downstream, code: ErrorCode): void {
    const waiting = this.#waiting.get(exchange);
    if (waiting !== undefined) {
      this.#waiting.delete(exchange);
      waiting.revision.cancel(waiting.waiter);
      this.#tell(waiting.call, undefined);
    }
    this.#held.onClose(exchange, code);
  }

  #deny(exchange: Downstream, call: RunCall, denial: Denial): void {
    call.denial = denial;
    this.#write(exchange, call, denial);
    this.#tell(call, undefined);
  }

  #write(exchange: Downstream, { method }: RunCall, denial: Denial): void {
    const { head, body } = writeDenial(denial, this.#options.engine.field);
    const isBare = method === "HEAD";
    exchange.head(head, isBare);
    if (!isBare) exchange.data(body, true);
  }

  #tell(call: RunCall, outcome: RelayOutcome | undefined): void {
    this.#options.onTraffic?.(trafficEvent(call, outcome, this.#options.nowMs()));
  }

  /** What the container gets in the place of a checked token. */
  #replaced(checked: Checked | undefined): { received: Field; sent: Field } | undefined {
    if (checked === undefined || this.#options.stripSignature === false) return undefined;
    const { field, token } = checked;
    let sent = this.#stripped.get(token);
    if (sent === undefined || sent.name !== field.name) {
      const unsigned = field.value.slice(0, field.value.lastIndexOf(".") + 1);
      sent = this.#options.engine.field(field.name, `${unsigned}${SIGNATURE_REMOVED}`, {
        keep: true,
      });
      this.#stripped.set(token, sent);
    }
    return { received: field, sent };
  }
}

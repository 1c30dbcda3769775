import type { SessionWaiter } from "./client.ts";
import { ErrorCodes } from "./error-code.ts";
import {
  type Bytes,
  type ErrorCode,
  type Exchange,
  type ExchangeHandler,
  LOST,
  type Session,
} from "./exchange.ts";
import { firstValue, type Head } from "./head.ts";
import { KeptRequest } from "./kept-request.ts";
import type { RelayFailure, RelayOutcome, RelayPolicy, RelayTarget } from "./relay-policy.ts";
import type { TimerWheel, WheelTask } from "./timer-wheel.ts";

/** What the calls of one relay have in common. */
export interface RelayCore<C> {
  readonly policy: RelayPolicy<C>;
  readonly wheel: TimerWheel;
  readonly replayBytes: number;
  readonly upstream: ExchangeHandler<RelayCall<C>>;
}

/**
 * One call on its way through: the exchange with the caller, the one with the upstream, and what each side is owed.
 * States: waiting (no connection yet), sent (no answer yet; may be sent again), answering, over.
 */
export class RelayCall<C> implements WheelTask, SessionWaiter {
  wheelNext: WheelTask | undefined = undefined;
  wheelPrevious: WheelTask | undefined = undefined;
  wheelTick = -1;
  readonly call: C;
  readonly #core: RelayCore<C>;
  readonly #down: Exchange<RelayCall<C> | undefined>;
  readonly #target: RelayTarget;
  #up: Exchange<RelayCall<C>> | undefined = undefined;
  /** The request so far, while it may have to be sent (again). */
  #kept: KeptRequest | undefined = new KeptRequest();
  #requestEnded: boolean;
  #trailers: Head | undefined = undefined;
  /** Received from the caller and not taken by the upstream yet; the other way round. */
  #owedDown = 0;
  #owedUp = 0;
  /** The upstream said something: no retry any more. */
  #answered = false;
  /** The answer's head has left. */
  #headed = false;
  #answerEnded = false;
  #retried = false;
  #isOver = false;
  #status: string | undefined = undefined;
  #grpcStatus: string | undefined = undefined;
  /** Infinity: none. On the wheel's clock. */
  #deadlineAtMs: number;
  /** When something last moved; only kept where silence may end the call before its deadline. */
  #movedAtMs = 0;
  #watchesSilence: boolean;

  constructor(
    core: RelayCore<C>,
    down: Exchange<RelayCall<C> | undefined>,
    requestEnded: boolean,
    call: C,
    target: RelayTarget,
  ) {
    this.#core = core;
    this.#down = down;
    this.#requestEnded = requestEnded;
    this.call = call;
    this.#target = target;
    const { deadlineMs = Number.POSITIVE_INFINITY, idleMs = Number.POSITIVE_INFINITY } = target;
    this.#watchesSilence = idleMs < deadlineMs;
    const soonestMs = Math.min(deadlineMs, idleMs);
    if (soonestMs === Number.POSITIVE_INFINITY) this.#deadlineAtMs = soonestMs;
    else {
      const nowMs = core.wheel.nowMs;
      this.#deadlineAtMs = nowMs + deadlineMs;
      this.#movedAtMs = nowMs;
      core.wheel.arm(this, soonestMs);
    }
  }

  get from(): Session {
    return this.#down.session;
  }

  /** Send it, now or when there is a connection. */
  connect(): void {
    const session = this.#target.pool.pick();
    if (session === undefined) this.#target.pool.wait(this);
    else this.onSession(session);
  }

  onSession(session: Session): void {
    const kept = this.#kept;
    const ended = this.#requestEnded && this.#trailers === undefined;
    const isBare = ended && (kept === undefined || kept.bytes === 0);
    const up = session.start(this.#target.head, isBare, this.#core.upstream, this);
    if (up === undefined) {
      this.#target.pool.wait(this);
      return;
    }
    this.#up = up;
    const hasLeft = kept === undefined || kept.sendTo(up, ended);
    if (this.#trailers !== undefined) up.head(this.#trailers, true);
    if (hasLeft) this.onUpDrain();
    if (kept !== undefined && kept.bytes > this.#core.replayBytes) this.#kept = undefined;
  }

  onNoSession(kind: "unreachable" | "overflow", detail: string): void {
    if (kind === "overflow") this.#fail({ kind });
    else if (this.#mayRetry()) this.#retry();
    else this.#fail({ kind, detail, retried: this.#retried });
  }

  onDownData(bytes: Bytes, end: boolean): void {
    if (this.#watchesSilence) this.#movedAtMs = this.#core.wheel.nowMs;
    if (end) this.#requestEnded = true;
    if (!this.#answered) this.#keep(bytes);
    if (this.#up === undefined) {
      this.#owedDown += bytes.length;
      // The answer came whole, and its upstream exchange is gone: nobody takes the rest of the request.
      if (this.#answered) this.onUpDrain();
    } else if (this.#up.data(bytes, end)) this.#down.release(bytes.length);
    else this.#owedDown += bytes.length;
  }

  onDownTrailers(trailers: Head): void {
    this.#requestEnded = true;
    const { policy } = this.#core;
    this.#trailers = policy.requestTrailers?.(this.call, trailers) ?? trailers;
    this.#up?.head(this.#trailers, true);
  }

  onDownDrain(): void {
    if (this.#watchesSilence) this.#movedAtMs = this.#core.wheel.nowMs;
    const owed = this.#owedUp;
    this.#owedUp = 0;
    if (owed > 0) this.#up?.release(owed);
  }

  onDownClose(code: ErrorCode): void {
    if (this.#isOver) return;
    const isClean = code === ErrorCodes.NO_ERROR;
    this.#end(code, isClean ? "upstream" : "downstream");
    // After a whole answer nobody needs the rest of the request; a lost caller needs nothing at all.
    this.#leaveUpstream(isClean || code === LOST ? ErrorCodes.CANCEL : code);
  }

  onUpHead(head: Head, end: boolean): void {
    if (this.#watchesSilence) this.#movedAtMs = this.#core.wheel.nowMs;
    this.#answered = true;
    this.#kept = undefined;
    const status = head[0]?.value;
    if (end || status?.charCodeAt(0) !== ONE) {
      this.#headed = true;
      this.#status = status;
    }
    if (end) {
      this.#answerEnded = true;
      this.#grpcStatus = firstValue(head, "grpc-status");
    }
    const { policy } = this.#core;
    this.#down.head(policy.answerHead?.(this.call, head) ?? head, end);
  }

  onUpData(bytes: Bytes, end: boolean): void {
    if (this.#watchesSilence) this.#movedAtMs = this.#core.wheel.nowMs;
    if (end) this.#answerEnded = true;
    if (this.#down.data(bytes, end)) this.#up?.release(bytes.length);
    else this.#owedUp += bytes.length;
  }

  onUpTrailers(trailers: Head): void {
    this.#answerEnded = true;
    this.#grpcStatus = firstValue(trailers, "grpc-status");
    const { policy } = this.#core;
    this.#down.head(policy.answerTrailers?.(this.call, trailers) ?? trailers, true);
  }

  onUpDrain(): void {
    if (this.#watchesSilence) this.#movedAtMs = this.#core.wheel.nowMs;
    const owed = this.#owedDown;
    this.#owedDown = 0;
    if (owed > 0) this.#down.release(owed);
  }

  onUpClose(code: ErrorCode): void {
    this.#up = undefined;
    if (this.#isOver) return;
    // The caller's exchange ends the call when the answer has left.
    if (this.#answerEnded) this.onUpDrain();
    else if (this.#headed) {
      // A reset never becomes a clean end.
      this.#down.reset(code <= ErrorCodes.NO_ERROR ? ErrorCodes.INTERNAL_ERROR : code);
      this.#end(code, "upstream");
    } else if (code === ErrorCodes.REFUSED_STREAM && this.#mayRetry()) this.#retry();
    else this.#fail({ kind: "unreachable", detail: resetReason(code), retried: this.#retried });
  }

  onTimer(): void {
    const { wheel } = this.#core;
    const { deadlineMs, idleMs = this.#answerEnded ? deadlineMs : undefined } = this.#target;
    const nowMs = wheel.nowMs;
    if (this.#answerEnded && this.#deadlineAtMs !== Number.POSITIVE_INFINITY) {
      // The upstream met the deadline; now only a caller that does not read can hold the call.
      this.#deadlineAtMs = Number.POSITIVE_INFINITY;
      this.#watchesSilence = true;
      this.#movedAtMs = nowMs;
    }
    const silentUntilMs = this.#watchesSilence
      ? this.#movedAtMs + (idleMs ?? Number.POSITIVE_INFINITY)
      : Number.POSITIVE_INFINITY;
    if (nowMs >= this.#deadlineAtMs) this.#fail({ kind: "deadline" });
    else if (nowMs >= silentUntilMs) this.#fail({ kind: "idle", requestEnded: this.#requestEnded });
    else {
      const nextMs = Math.min(this.#deadlineAtMs, silentUntilMs);
      if (nextMs !== Number.POSITIVE_INFINITY) wheel.arm(this, nextMs - nowMs);
    }
  }

  /** The policy threw. */
  crash(error: unknown): void {
    this.#core.policy.onError?.(this.call, error);
    if (this.#isOver) return;
    this.#end(ErrorCodes.INTERNAL_ERROR, "relay");
    this.#leaveUpstream(ErrorCodes.CANCEL);
    this.#down.reset(ErrorCodes.INTERNAL_ERROR);
  }

  #keep(bytes: Bytes): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    const isTooMuch = kept.bytes + bytes.length > this.#core.replayBytes;
    if (isTooMuch && this.#up !== undefined) this.#kept = undefined;
    else kept.add(bytes);
  }

  #mayRetry(): boolean {
    const { retry = true } = this.#target;
    return retry && !this.#retried && !this.#answered && this.#kept !== undefined;
  }

  #retry(): void {
    this.#retried = true;
    this.connect();
  }

  #leaveUpstream(code: ErrorCode): void {
    const up = this.#up;
    this.#up = undefined;
    if (up === undefined) this.#target.pool.leave(this);
    else up.reset(code);
  }

  #fail(failure: RelayFailure): void {
    if (this.#isOver) return;
    const down = this.#down;
    if (this.#headed) {
      this.#end(ErrorCodes.CANCEL, "relay");
      this.#leaveUpstream(ErrorCodes.CANCEL);
      down.reset(ErrorCodes.CANCEL);
      return;
    }
    this.#leaveUpstream(ErrorCodes.CANCEL);
    this.#isOver = true;
    // From here on it is an exchange that was answered on the spot.
    down.own = undefined;
    this.onUpDrain();
    try {
      this.#core.policy.fail(this.call, down, failure);
    } catch (error) {
      this.#core.policy.onError?.(this.call, error);
      down.reset(ErrorCodes.INTERNAL_ERROR);
    }
    this.#isOver = false;
    this.#end(
      failure.kind === "unreachable" ? ErrorCodes.CONNECT_ERROR : ErrorCodes.CANCEL,
      "relay",
    );
  }

  #end(code: ErrorCode, endedBy: RelayOutcome["endedBy"]): void {
    this.#isOver = true;
    this.#kept = undefined;
    this.#core.wheel.cancel(this);
    const outcome = { status: this.#status, grpcStatus: this.#grpcStatus, code, endedBy };
    try {
      this.#core.policy.end(this.call, outcome);
    } catch (error) {
      this.#core.policy.onError?.(this.call, error);
    }
  }
}

/** "1" of 1xx. */
const ONE = 0x31;

/** Envoy's words for how an upstream ended a call before its answer. */
function resetReason(code: ErrorCode): string {
  if (code === LOST) return "connection termination";
  if (code === ErrorCodes.REFUSED_STREAM) return "remote refused stream reset";
  if (code === ErrorCodes.PROTOCOL_ERROR) return "protocol error";
  return "remote reset";
}

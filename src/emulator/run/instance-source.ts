import type { SessionWaiter, UpstreamPool } from "../../http2/client.ts";
import type { Session } from "../../http2/exchange.ts";
import type { RunningRevision } from "./running-revision.ts";
import type { Instance } from "./start-instance.ts";
import type { NoInstance, WaitingCall } from "./waiting-calls.ts";

/**
 * Where the relay finds a connection for one call: that of the call's instance. When it asks again, because that
 * instance took no connection or refused the stream (it is draining, or has just crashed), that of the next instance
 * that has room. Holds a slot of its instance until released.
 */
export class InstanceSource implements Pick<UpstreamPool, "pick" | "wait" | "leave"> {
  readonly #revision: RunningRevision;
  /** Who has the call now; undefined: it waits for another instance. */
  #holder: Instance | undefined;
  /** Who had it last, for those who tell. */
  #last: Instance;
  #waiting: WaitingCall | undefined;
  #wasAsked = false;
  #refusal: NoInstance | undefined;

  constructor(revision: RunningRevision, instance: Instance) {
    this.#revision = revision;
    this.#holder = instance;
    this.#last = instance;
  }

  get instance(): Instance {
    return this.#last;
  }

  get revision(): RunningRevision {
    return this.#revision;
  }

  /** Set when the call lost its instance and no other could take it. */
  get refusal(): NoInstance | undefined {
    return this.#refusal;
  }

  pick(): Session | undefined {
    if (this.#wasAsked && this.#holder !== undefined) {
      this.#revision.avoid(this.#holder);
      this.#holder = undefined;
    }
    this.#wasAsked = true;
    return this.#holder?.pool.pick();
  }

  wait(waiter: SessionWaiter): void {
    if (this.#holder !== undefined) {
      this.#holder.pool.wait(waiter);
      return;
    }
    this.#waiting = {
      run: (instance) => {
        this.#waiting = undefined;
        this.#hold(instance, waiter);
      },
      refuse: (why) => {
        this.#waiting = undefined;
        this.#refusal = why;
        waiter.onNoSession("unreachable", "no other instance");
      },
    };
    const instance = this.#revision.acquire(this.#waiting);
    if (instance !== undefined) this.#waiting?.run(instance);
  }

  leave(waiter: SessionWaiter): void {
    if (this.#waiting !== undefined) this.#revision.cancel(this.#waiting);
    this.#waiting = undefined;
    this.#holder?.pool.leave(waiter);
  }

  /** The call has ended; exactly once. */
  release(): void {
    if (this.#holder !== undefined) this.#revision.release(this.#holder);
    this.#holder = undefined;
  }

  #hold(instance: Instance, waiter: SessionWaiter): void {
    this.#holder = instance;
    this.#last = instance;
    const session = instance.pool.pick();
    if (session === undefined) instance.pool.wait(waiter);
    else waiter.onSession(session);
  }
}

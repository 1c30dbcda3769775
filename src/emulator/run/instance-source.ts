import type { SessionWaiter, UpstreamPool } from "../../http2/client.ts";
import type { Session } from "../../http2/exchange.ts";
import type { RunningRevision } from "./running-revision.ts";
import type { Instance } from "./start-instance.ts";

/**
 * Where the relay finds a connection for one call: that of the call's instance. When it asks again, because that
 * instance took no connection or refused the stream (it is draining), that of another. Holds a slot of its instance
 * until released.
 */
export class InstanceSource implements Pick<UpstreamPool, "pick" | "wait" | "leave"> {
  readonly #revision: RunningRevision;
  #instance: Instance;
  #asked = false;

  constructor(revision: RunningRevision, instance: Instance) {
    this.#revision = revision;
    this.#instance = instance;
  }

  /** Who has the call now. */
  get instance(): Instance {
    return this.#instance;
  }

  /** Of the whole call. */
  get timeoutMs(): number {
    return this.#revision.spec.timeoutMs;
  }

  pick(): Session | undefined {
    if (this.#asked) this.#instance = this.#revision.swap(this.#instance);
    this.#asked = true;
    return this.#instance.pool.pick();
  }

  wait(waiter: SessionWaiter): void {
    this.#instance.pool.wait(waiter);
  }

  leave(waiter: SessionWaiter): void {
    this.#instance.pool.leave(waiter);
  }

  /** The call has ended; exactly once. */
  release(): void {
    this.#revision.release(this.#instance);
  }
}

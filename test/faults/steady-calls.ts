import assert from "node:assert/strict";
import { once } from "node:events";
import type { OutgoingHttpHeaders } from "node:http2";
import { type Answer, RawClient } from "../raw-http2.ts";

/** A well-behaved client on a connection of its own: one call after another until it is told to stop. */
export class SteadyCalls implements AsyncDisposable {
  readonly #client: RawClient;
  readonly #headers: OutgoingHttpHeaders;
  readonly #done: Promise<void>;
  readonly #lost: Answer[] = [];
  #answered = 0;
  #stopped = false;
  #waiting: (() => void)[] = [];

  private constructor(client: RawClient, headers: OutgoingHttpHeaders) {
    this.#client = client;
    this.#headers = headers;
    this.#done = this.#run();
  }

  static async start(url: URL, headers: OutgoingHttpHeaders): Promise<SteadyCalls> {
    const client = new RawClient(url);
    if (client.session.connecting) await once(client.session, "connect");
    return new SteadyCalls(client, headers);
  }

  /** Calls so far. */
  get answered(): number {
    return this.#answered;
  }

  /** Two more calls from now on are answered, and none was lost so far. */
  async goesOn(): Promise<void> {
    const until = this.#answered + 2;
    while (this.#answered < until && this.#lost.length === 0)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    assert.deepEqual(this.#lost, [], "a call of the client beside was lost");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#done;
    await this.#client[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    while (!this.#stopped && this.#lost.length === 0) {
      const answer = await this.#client.call(this.#headers);
      if (answer.trailers["grpc-status"] === "0" && answer.resetCode === 0) this.#answered++;
      else this.#lost.push(answer);
      for (const tell of this.#waiting.splice(0)) tell();
    }
  }
}

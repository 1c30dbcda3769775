import { Socket } from "node:net";
import type { IdToken, TokenSource } from "../../../auth/token-source.ts";
import type { FetchKeys, KeyDocument } from "../../../gateway/fetch-keys.ts";
import type { ConnectionSource } from "../../../http2/accepting.ts";
import type { Answer, NumberedConfig, Question, ToPrimary, ToWorker } from "./messages.ts";

/** What a forked process has to its parent: node:process is one. */
export interface ParentChannel {
  send?(message: unknown, callback: (error: Error | null) => void): unknown;
  on(event: "message", listener: (message: unknown, handle: unknown) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
}

export type Start = Extract<ToWorker, { kind: "start" }>;

/** A worker's end of the channel to the primary. */
export class PrimaryLink implements ConnectionSource {
  readonly #channel: ParentChannel;
  readonly #started = Promise.withResolvers<Start>();
  readonly #ended = new AbortController();
  readonly #questions = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  #take: ((socket: Socket) => void) | undefined;
  #closed = 0;
  /** Set once the worker serves. */
  onReload: (config: NumberedConfig) => void = () => {};

  constructor(channel: ParentChannel) {
    this.#channel = channel;
    channel.on("message", (message, handle) => this.#on(message as ToWorker, handle));
    // Without its primary a worker gets no more connections: it finishes what it has.
    channel.on("disconnect", () => this.#ended.abort());
  }

  /** What to serve. Says to the primary that this process runs. */
  async start(): Promise<Start> {
    await this.send({ kind: "running" });
    return this.#started.promise;
  }

  /** Aborts when the primary says so, or is gone. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Resolves when the message has left, or nobody is there to get it. */
  send(message: ToPrimary): Promise<void> {
    return new Promise((resolve) => {
      if (this.#channel.send === undefined) resolve();
      else this.#channel.send(message, () => resolve());
    });
  }

  readonly tokens: TokenSource = (audience, signal) =>
    this.#ask({ kind: "token", audience }, signal) as Promise<IdToken>;

  readonly fetchKeys: FetchKeys = ({ href }, signal) =>
    this.#ask({ kind: "keys", href }, signal) as Promise<KeyDocument>;

  open(take: (socket: Socket) => void): Disposable {
    this.#take = take;
    return {
      [Symbol.dispose]: () => {
        this.#take = undefined;
      },
    };
  }

  #on(message: ToWorker, handle: unknown): void {
    switch (message.kind) {
      case "start":
        this.#started.resolve(message);
        return;
      case "connection":
        void this.send({ kind: "took" });
        this.#connection(handle);
        return;
      case "reload":
        this.onReload(message.config);
        return;
      case "drain":
        this.#ended.abort();
        return;
      case "answer":
        this.#questions.get(message.id)?.(message.answer);
    }
  }

  #connection(handle: unknown): void {
    if (!(handle instanceof Socket)) {
      this.#lost();
      return;
    }
    handle.once("close", () => this.#lost());
    handle.on("error", () => {});
    if (this.#take === undefined) {
      handle.destroy();
      return;
    }
    // node:net makes a received socket one that closes when the peer's half does.
    handle.allowHalfOpen = true;
    this.#take(handle);
  }

  /** Said together once a turn: thousands may close at once. */
  #lost(): void {
    if (this.#closed++ > 0) return;
    setImmediate(() => {
      const connections = this.#closed;
      this.#closed = 0;
      void this.send({ kind: "closed", connections });
    });
  }

  #ask(question: Question, signal: AbortSignal | undefined): Promise<IdToken | KeyDocument> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<IdToken | KeyDocument>();
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#questions.set(id, (answer) => {
      if (answer.ok) resolve(answer.value);
      else reject(new Error(answer.fault));
    });
    void this.send({ kind: "question", id, question });
    return promise.finally(() => {
      this.#questions.delete(id);
      signal?.removeEventListener("abort", onAbort);
    });
  }
}

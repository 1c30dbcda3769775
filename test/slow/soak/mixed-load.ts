import { setTimeout as wait } from "node:timers/promises";
import { type Client, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { InventoryService } from "../../other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";
import { STREAM_MESSAGES } from "./warehouse.ts";

type Inventory = Client<typeof InventoryService>;

/** A call that was not answered as it should be. */
export interface LostCall {
  readonly kind: CallKind;
  readonly why: string;
  /** performance.now() */
  readonly beganAtMs: number;
  readonly endedAtMs: number;
}

export type CallKind = keyof typeof calls;

/** Connections, each with one caller a kind of call. */
const CONNECTIONS = 4;
/** Between two calls of a caller: others need the processor too. */
const PAUSE_MS = 5;
const BIG_BYTES = 256 * 1024;

const calls = {
  async unary(inventory: Inventory) {
    const { item } = await inventory.getItem({ sku: "saw" });
    return item?.sku === "saw";
  },
  async big(inventory: Inventory) {
    const { item } = await inventory.getItem({ sku: "x".repeat(BIG_BYTES) });
    return item?.sku.length === BIG_BYTES;
  },
  async stream(inventory: Inventory) {
    let messages = 0;
    for await (const _ of inventory.listItems({})) messages++;
    return messages === STREAM_MESSAGES;
  },
  async upload(inventory: Inventory) {
    const { messages } = await inventory.addItems(
      (async function* () {
        for (let nth = 0; nth < STREAM_MESSAGES; nth++) yield { item: { sku: `item ${nth}` } };
      })(),
    );
    return messages === STREAM_MESSAGES;
  },
  async bidi(inventory: Inventory) {
    let asked = 0;
    let answered = 0;
    const questions = async function* () {
      for (; asked < STREAM_MESSAGES; asked++) {
        yield { sku: `item ${asked}` };
        await wait(PAUSE_MS);
      }
    };
    for await (const _ of inventory.trackItems(questions())) answered++;
    return answered === STREAM_MESSAGES;
  },
};

/** Well-behaved clients that call all the time, but for rests. */
export class MixedLoad implements AsyncDisposable {
  readonly lost: LostCall[] = [];
  answered = 0;
  readonly #sessions: Http2SessionManager[] = [];
  readonly #clients: Inventory[] = [];
  #callers: Promise<void>[] = [];
  #isOn = false;

  constructor(address: string, token: () => string) {
    const authorize: Interceptor = (next) => (request) => {
      request.header.set("authorization", `Bearer ${token()}`);
      return next(request);
    };
    for (let connection = 0; connection < CONNECTIONS; connection++) {
      const sessionManager = new Http2SessionManager(address);
      this.#sessions.push(sessionManager);
      const options = { baseUrl: address, sessionManager, interceptors: [authorize] };
      this.#clients.push(createClient(InventoryService, createGrpcTransport(options)));
    }
  }

  begin(): void {
    this.#isOn = true;
    const kinds = Object.keys(calls) as CallKind[];
    this.#callers = this.#clients.flatMap((client) =>
      kinds.map((kind) => this.#call(kind, client)),
    );
  }

  /** Resolves when no call is in flight. */
  async rest(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#callers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rest();
    for (const session of this.#sessions) session.abort();
  }

  async #call(kind: CallKind, client: Inventory): Promise<void> {
    while (this.#isOn) {
      const beganAtMs = performance.now();
      const why = await calls[kind](client).then(
        (isWhole) => (isWhole ? undefined : "the answer is not whole"),
        (error: unknown) => ConnectError.from(error).message,
      );
      if (why === undefined) this.answered++;
      else this.lost.push({ kind, why, beganAtMs, endedAtMs: performance.now() });
      await wait(PAUSE_MS);
    }
  }
}

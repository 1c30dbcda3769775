import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callpathEngine } from "../http2/engine.ts";
import type { Exchange } from "../http2/exchange.ts";
import { defaultLimits } from "../http2/limits.ts";
import { type HttpServer, startHttpServer } from "../http2/server.ts";
import { HeldRequests } from "./held-requests.ts";

const quiet = { onData() {}, onTrailers() {}, onDrain() {}, onClose() {} };

describe("HeldRequests", () => {
  it("answers a request that never ends when it has waited long enough, and forgets it", async () => {
    const held = new HeldRequests<undefined>(quiet, 20);
    await using server = await serve(held, (exchange) => held.holdForEnd(exchange, refuse));
    const sending = new AbortController();
    const body = new ReadableStream({ start: (to) => to.enqueue(Buffer.from("a")) });
    const init = { method: "POST", body, duplex: "half", signal: sending.signal };
    const answer = await fetch(server.url, init as RequestInit);
    assert.equal(answer.status, 404);
    assert.equal(held.size, 0);
    sending.abort();
  });

  it("what throws while a request is let go ends that request, and nothing else", async () => {
    const errors: unknown[] = [];
    const held = new HeldRequests<undefined>(
      { ...quiet, onError: (_, error) => errors.push(error) },
      20,
    );
    const fault = new Error("no");
    await using server = await serve(held, (exchange) => {
      held.holdForKeys(exchange, true);
      setImmediate(() => {
        held.letGo(exchange, () => {
          throw fault;
        });
      });
    });
    await assert.rejects(fetch(server.url));
    assert.deepEqual(errors, [fault]);
    assert.equal(held.size, 0);
  });
});

function serve(
  held: HeldRequests<undefined>,
  onHead: (exchange: Exchange<undefined>) => void,
): Promise<HttpServer> {
  return startHttpServer<undefined>({
    host: "127.0.0.1",
    port: 0,
    engine: callpathEngine,
    limits: defaultLimits,
    drainMs: 0,
    handler: {
      ...quiet,
      onHead,
      onData: (exchange, bytes, end) => held.onData(exchange, bytes, end),
      onClose: (exchange, code) => held.onClose(exchange, code),
      onEnd() {},
    },
  });
}

function refuse(exchange: Exchange<undefined>): void {
  exchange.head([callpathEngine.field(":status", "404")], true);
}

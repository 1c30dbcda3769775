import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { startGateway } from "../src/gateway/serve.ts";
import { callpathEngine } from "../src/http2/engine.ts";
import type { Engine } from "../src/http2/exchange.ts";
import { nodeEngine } from "../src/http2/node-engine.ts";
import { answerOf, grpcFrame, RawClient } from "./raw-http2.ts";
import { openModel } from "./slow/open-model.ts";

const service = { name: "test.Streams", methods: { Call: "bidi_streaming" } } as const;
const path = "/test.Streams/Call";

/** A caller, the gateway, and a service whose every stream is in the test's hands: no token is asked for. */
class Between implements AsyncDisposable {
  readonly client: RawClient;
  readonly #running: AsyncDisposableStack;
  readonly #streams: http2.ServerHttp2Stream[] = [];
  readonly #wanted: ((stream: http2.ServerHttp2Stream) => void)[] = [];

  private constructor(
    client: RawClient,
    backend: http2.Http2Server,
    running: AsyncDisposableStack,
  ) {
    this.client = client;
    this.#running = running;
    backend.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
      stream.on("error", () => {});
      seen.set(stream, headers);
      const wanted = this.#wanted.shift();
      if (wanted === undefined) this.#streams.push(stream);
      else wanted(stream);
    });
  }

  static async start(engine: Engine): Promise<Between> {
    await using running = new AsyncDisposableStack();
    const backend = running.adopt(http2.createServer(), closeServer);
    await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
    const { port } = backend.address() as AddressInfo;
    const model = openModel([service], `grpc://127.0.0.1:${port}`);
    const options = { model, engine, port: 0, drainMs: 100, nowMs: Date.now };
    const gateway = running.use(await startGateway(options));
    const client = running.use(new RawClient(gateway.url));
    return new Between(client, backend, running.move());
  }

  /** A call whose request stays open. */
  open(headers: http2.OutgoingHttpHeaders = {}): http2.ClientHttp2Stream {
    const stream = this.client.session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => {});
    return stream;
  }

  /** The next stream that reaches the service. */
  arrived(): Promise<http2.ServerHttp2Stream> {
    const stream = this.#streams.shift();
    if (stream !== undefined) return Promise.resolve(stream);
    return new Promise((resolve) => this.#wanted.push(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#running.disposeAsync();
  }
}

function closeServer(server: http2.Http2Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** The head of each stream at the service. */
const seen = new WeakMap<http2.ServerHttp2Stream, http2.IncomingHttpHeaders>();
const grpc = { ":status": 200, "content-type": "application/grpc" };

function endWith(stream: http2.ServerHttp2Stream, trailers: http2.OutgoingHttpHeaders): void {
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end();
}

for (const engine of [callpathEngine, nodeEngine]) {
  describe(`what a gRPC gateway must get right, ${engine.name} engine`, () => {
    it("rule 1: an answer of one HEADERS frame stays one, with all it says and grpc-message untouched", async () => {
      await using between = await Between.start(engine);
      const answer = answerOf(between.open().end(grpcFrame("hello")));
      const stream = await between.arrived();
      const said = {
        "grpc-status": "5",
        "grpc-message": "caf%C3%A9 100%25 %2F/",
        "own-bin": "AAE",
      };
      stream.respond({ ...grpc, ...said }, { endStream: true });
      const { headers, headersOnly } = await answer;
      assert.equal(headersOnly, true);
      assert.partialDeepStrictEqual(headers, said);
    });

    it("rule 1: trailers with no data before them are kept, all of them", async () => {
      await using between = await Between.start(engine);
      const answer = answerOf(between.open().end(grpcFrame("hello")));
      const stream = await between.arrived();
      stream.respond(grpc, { waitForTrailers: true });
      endWith(stream, { "grpc-status": "0", "grpc-status-details-bin": "CAE", own: ["a", "b"] });
      const { headers, headersOnly, trailers } = await answer;
      assert.deepEqual([headersOnly, headers["grpc-status"]], [false, undefined]);
      assert.partialDeepStrictEqual(trailers, {
        "grpc-status": "0",
        "grpc-status-details-bin": "CAE",
        own: "a, b",
      });
    });

    it("rule 2: duplicate metadata keep their number and order; what gRPC says of itself reaches the service", async () => {
      await using between = await Between.start(engine);
      const sent = {
        "grpc-timeout": "5S",
        "grpc-accept-encoding": "identity,gzip",
        "own-bin": ["AAE=", "AAI", "AAE="],
        own: ["b", "a", "b"],
      };
      const answer = answerOf(between.open(sent).end(grpcFrame("hello")));
      const stream = await between.arrived();
      assert.partialDeepStrictEqual(seen.get(stream), {
        te: "trailers",
        "grpc-timeout": "5S",
        "grpc-accept-encoding": "identity,gzip",
        "own-bin": "AAE=, AAI, AAE=",
        own: "b, a, b",
      });
      stream.respond({ ...grpc, "grpc-status": "0", own: ["b", "a", "b"] }, { endStream: true });
      assert.equal((await answer).headers.own, "b, a, b");
    });

    it("rule 3: the answer's head leaves before its first message; messages go both ways in turn", async () => {
      await using between = await Between.start(engine);
      const call = between.open();
      const head = once(call, "response");
      const stream = await between.arrived();
      stream.respond(grpc, { waitForTrailers: true });
      await head;
      for (const message of ["one", "two", "three"]) {
        const asked = once(stream, "data");
        call.write(grpcFrame(message));
        assert.deepEqual((await asked)[0], grpcFrame(message));
        const answered = once(call, "data");
        stream.write(grpcFrame(message));
        assert.deepEqual((await answered)[0], grpcFrame(message));
      }
      const answer = answerOf(call);
      call.end();
      endWith(stream, { "grpc-status": "0" });
      assert.equal((await answer).trailers["grpc-status"], "0");
    });

    it("rule 4: an answer that is no gRPC passes as it is", async () => {
      await using between = await Between.start(engine);
      const answer = answerOf(between.open().end(grpcFrame("hello")));
      const stream = await between.arrived();
      stream.respond({ ":status": 418, "content-type": "text/teapot" });
      stream.end("short and stout");
      const { headers, body } = await answer;
      assert.partialDeepStrictEqual(headers, { ":status": 418, "content-type": "text/teapot" });
      assert.equal(body.toString(), "short and stout");
    });

    it("rule 5: requests that are answered early leave no hole in the connection's window", async () => {
      await using between = await Between.start(engine);
      const big = Buffer.alloc(512 * 1024);
      // In all 16 MiB, twice what the connection may hold.
      for (let round = 0; round < 32; round++) {
        const call = between.open();
        const answer = answerOf(call);
        call.write(big);
        const stream = await between.arrived();
        stream.respond({ ...grpc, "grpc-status": "8" }, { endStream: true });
        assert.equal((await answer).headers["grpc-status"], "8");
        call.destroy();
      }
      const call = between.open();
      const answer = answerOf(call);
      call.end(big);
      const stream = await between.arrived();
      let received = 0;
      for await (const chunk of stream) received += (chunk as Buffer).length;
      assert.equal(received, big.length);
      stream.respond({ ...grpc, "grpc-status": "0" }, { endStream: true });
      assert.equal((await answer).headers["grpc-status"], "0");
    });

    it("rule 7: a service that does not read holds the caller back, and nothing is lost", async () => {
      await using between = await Between.start(engine);
      const call = between.open();
      const stream = await between.arrived();
      await assertHeldBack(call, stream);
    });

    it("rule 7: a caller that does not read holds the service back, and nothing is lost", async () => {
      await using between = await Between.start(engine);
      const call = between.open().end(grpcFrame("hello"));
      const head = once(call, "response");
      const stream = await between.arrived();
      stream.resume().respond(grpc);
      await head;
      await assertHeldBack(stream, call);
    });
  });
}

/** What may be on its way when nobody reads: windows and buffers of four ends. */
const MOST_HELD_BYTES = 4 * 1024 * 1024;

/** The writer must get stuck long before it has sent ten times that; all of it arrives once the reader reads. */
async function assertHeldBack(writer: http2.Http2Stream, reader: http2.Http2Stream): Promise<void> {
  const chunk = Buffer.alloc(64 * 1024, 7);
  let sent = 0;
  let drained = 0;
  // The session answers pings in between: a PING back means that what went before it was taken in.
  const settled = () => new Promise<void>((resolve) => writer.session?.ping(() => resolve()));
  for (let still = 0; still < 5 && sent < MOST_HELD_BYTES * 10; ) {
    if (writer.write(chunk)) still = 0;
    else {
      const before = drained;
      writer.once("drain", () => drained++);
      await settled();
      still = drained === before ? still + 1 : 0;
    }
    sent += chunk.length;
  }
  assert.ok(sent < MOST_HELD_BYTES, `${sent} bytes were taken in, and nobody reads`);
  writer.end();
  let received = 0;
  for await (const bytes of reader) received += (bytes as Buffer).length;
  assert.equal(received, sent);
}

import { constants, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { type CallOutcome, type CallRecord, recordKey } from "./call-record.ts";
import { parseGrpcTimeout } from "./grpc-timeout.ts";
import { Http2Answer } from "./http2-answer.ts";
import { headerOf, webHeaders } from "./request-head.ts";

export interface Http2CallOptions {
  /** The longest any call may take, also one without a deadline. */
  readonly maxCallMs: number;
  readonly nowMs: () => number;
  /** Exactly once, when the stream is closed. */
  readonly onEnd: (call: Http2Call, outcome: CallOutcome) => void;
}

/**
 * One call on an HTTP/2 stream: hands it to Connect's handler, writes what that answers, and ends it at its deadline
 * whether or not the implementation notices.
 */
export class Http2Call {
  readonly record: CallRecord;
  readonly #stream: ServerHttp2Stream;
  readonly #answer: Http2Answer;
  readonly #aborted = new AbortController();
  readonly #isGrpc: boolean;
  readonly #deadline: NodeJS.Timeout;
  readonly #timeoutMs: number | undefined;
  readonly #maxCallMs: number;

  constructor(stream: ServerHttp2Stream, record: CallRecord, options: Http2CallOptions) {
    const { maxCallMs, nowMs, onEnd } = options;
    this.record = record;
    this.#stream = stream;
    this.#answer = new Http2Answer(stream);
    this.#isGrpc = isGrpc(headerOf(record.head, "content-type"));
    this.#timeoutMs = parseGrpcTimeout(headerOf(record.head, "grpc-timeout"));
    this.#maxCallMs = maxCallMs;
    const limitMs = Math.min(this.#timeoutMs ?? maxCallMs, maxCallMs);
    this.#deadline = setTimeout(
      () => this.fail(Code.DeadlineExceeded, `not answered within ${limitMs} ms`),
      limitMs,
    );
    stream.on("error", () => {}); // what ended it is read off the stream at its close
    stream.once("close", () => {
      clearTimeout(this.#deadline);
      const cancelled = !this.#answer.isEnded;
      if (cancelled) this.#aborted.abort(new ConnectError("the caller went away", Code.Canceled));
      const { httpStatus, grpcStatus, bytes } = this.#answer;
      onEnd(this, { httpStatus, grpcStatus, bytes, cancelled, endedAtMs: nowMs() });
    });
  }

  /** Let the handler answer. Never rejects. */
  async serve(handler: UniversalHandler): Promise<void> {
    const { head } = this.record;
    try {
      const header = webHeaders(head);
      // Connect hands it to a timer of its own, and Node's fire at once beyond 24 days.
      if (this.#timeoutMs !== undefined && this.#timeoutMs > this.#maxCallMs)
        header.set("grpc-timeout", `${Math.floor(this.#maxCallMs / 1000)}S`);
      const response = await handler({
        httpVersion: "2.0",
        method: head.method,
        url: new URL(head.path, `${head.scheme}://${head.authority || "localhost"}`).toString(),
        header,
        body: this.#body(),
        signal: this.#aborted.signal,
        contextValues: createContextValues().set(recordKey, this.record),
      });
      await this.#write(response);
    } catch (error) {
      if (!this.#answer.isOpen) return;
      this.record.fault ??= error;
      this.fail(Code.Internal, "internal error");
    }
  }

  /** A whole answer that no handler made. */
  answer(status: number, fields: Readonly<Record<string, string>>, body?: Uint8Array): void {
    if (body === undefined) {
      this.#answer.only(status, Object.entries(fields));
      return;
    }
    this.#answer.head(status, Object.entries(fields));
    void this.#answer.data(body);
    this.#answer.end([]);
  }

  /** End the call with a status, wherever it is, and tell the implementation. */
  fail(code: Code, message: string): void {
    const status: [string, string][] = [
      ["grpc-status", String(code)],
      ["grpc-message", encodeURIComponent(message)],
    ];
    if (!this.#isGrpc) this.#stream.close(constants.NGHTTP2_CANCEL);
    else if (this.#answer.hasHead) this.#answer.end(status);
    else this.#answer.only(200, [["content-type", "application/grpc+proto"], ...status]);
    this.#aborted.abort(new ConnectError(message, code));
  }

  async *#body(): AsyncIterable<Uint8Array> {
    try {
      yield* this.#stream.iterator({ destroyOnReturn: false });
    } catch {
      throw new ConnectError("the caller went away", Code.Canceled);
    }
  }

  async #write({ status, header, body, trailer }: UniversalServerResponse): Promise<void> {
    const answer = this.#answer;
    const chunks = body?.[Symbol.asyncIterator]();
    try {
      let next = await chunks?.next();
      const isEmpty = next === undefined || next.done === true;
      if (isEmpty && (trailer === undefined || isBareHead(header))) {
        answer.only(status, [...(header ?? []), ...(trailer ?? [])]);
        return;
      }
      answer.head(status, header ?? []);
      while (answer.isOpen && next !== undefined && next.done !== true) {
        await answer.data(next.value);
        next = await chunks?.next();
      }
      answer.end(trailer ?? []);
    } finally {
      // The implementation's own end is not waited for: it may be slow to notice.
      void chunks?.return?.().catch(() => {});
    }
  }
}

/** gRPC, and not gRPC-Web. */
export function isGrpc(contentType: string | undefined): boolean {
  return /^application\/grpc(?:\+|;|$)/i.test(contentType ?? "");
}

/** Nothing in it is the implementation's: head and trailers may be one block (Trailers-Only). */
function isBareHead(header: Headers | undefined): boolean {
  return [...(header?.keys() ?? [])].every((name) =>
    ["content-type", "grpc-encoding", "grpc-accept-encoding"].includes(name),
  );
}

import { constants, type ServerHttp2Stream } from "node:http2";
import { lessEscaped } from "./grpc-message.ts";

/** Header fields to send, in order; a value may stand several times. */
export type AnswerFields = Iterable<readonly [name: string, value: string]>;

/**
 * Writes one answer on an HTTP/2 stream: head, data, trailers, or all in one HEADERS frame. The first end wins; what
 * comes later is dropped. A request that nobody read to its end is then given up, so that it holds no window.
 */
export class Http2Answer {
  readonly #stream: ServerHttp2Stream;
  #ended = false;
  #httpStatus: number | undefined;
  #grpcStatus: number | undefined;
  #bytes = 0;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  get isOpen(): boolean {
    return !this.#ended && !this.#stream.closed && !this.#stream.destroyed;
  }

  get hasHead(): boolean {
    return this.#httpStatus !== undefined;
  }

  /** Whether the answer was written to its end. */
  get isEnded(): boolean {
    return this.#ended;
  }

  get httpStatus(): number | undefined {
    return this.#httpStatus;
  }

  get grpcStatus(): number | undefined {
    return this.#grpcStatus;
  }

  /** Body bytes, framing included. */
  get bytes(): number {
    return this.#bytes;
  }

  head(status: number, fields: AnswerFields): void {
    if (!this.isOpen) return;
    this.#stream.respond({ ":status": status, ...headersOf(fields) }, { waitForTrailers: true });
    this.#httpStatus = status;
  }

  /** Resolves when more may be written, also when the stream went away. */
  async data(bytes: Uint8Array): Promise<void> {
    if (!this.isOpen) return;
    this.#bytes += bytes.byteLength;
    if (!this.#stream.write(bytes)) await drained(this.#stream);
  }

  end(trailers: AnswerFields): void {
    if (!this.isOpen) return;
    this.#ended = true;
    const fields = this.#noteStatus(headersOf(trailers));
    this.#stream.once("wantTrailers", () => {
      try {
        this.#stream.sendTrailers(fields);
        this.#giveUpRequest();
      } catch {
        // A field that HTTP/2 forbids, set by the implementation: better no status than one that is not its own.
        this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      }
    });
    this.#stream.end();
  }

  /** HEADERS with END_STREAM: what gRPC calls Trailers-Only. HEADERS and an empty DATA would be INTERNAL to other clients. */
  only(status: number, fields: AnswerFields): void {
    if (!this.isOpen) return;
    const headers = this.#noteStatus(headersOf(fields));
    this.#stream.respond({ ":status": status, ...headers }, { endStream: true });
    this.#ended = true;
    this.#httpStatus = status;
    this.#giveUpRequest();
  }

  #noteStatus(fields: Record<string, string | string[]>): Record<string, string | string[]> {
    const status = fields["grpc-status"];
    if (status !== undefined) this.#grpcStatus = Number(status);
    const message = fields["grpc-message"];
    return typeof message === "string"
      ? { ...fields, "grpc-message": lessEscaped(message) }
      : fields;
  }

  /** RFC 9113, 8.1: RST_STREAM with NO_ERROR after a whole answer; not needed where the request's end is already here. */
  #giveUpRequest(): void {
    const stream = this.#stream;
    if (stream.readableEnded) return;
    stream.resume();
    setImmediate(() => {
      if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }
}

function headersOf(fields: AnswerFields): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of fields) {
    const held = headers[name];
    headers[name] = held === undefined ? value : [held, value].flat();
  }
  return headers;
}

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}

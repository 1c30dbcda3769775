import http2 from "node:http2";
import type { AddressInfo } from "node:net";

/** What a backend saw of one call. */
export interface SeenCall {
  readonly headers: http2.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly trailers: http2.IncomingHttpHeaders;
}

/** How a call ended, as a client on raw HTTP/2 sees it. */
export interface Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  /** HEADERS + END_STREAM in one frame. */
  readonly headersOnly: boolean;
  /** RST_STREAM code; 0 for none. */
  readonly resetCode: number;
}

/** Answer as the backend of a test does when it has nothing else to say: the message back, status 0. */
export const echoBack = (stream: http2.ServerHttp2Stream, body: Buffer): void => {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(body);
};

/** A backend that records what reaches it; `onCall` decides the answer. */
export class Backend implements AsyncDisposable {
  readonly calls: SeenCall[] = [];
  onCall: (
    stream: http2.ServerHttp2Stream,
    body: Buffer,
    headers: http2.IncomingHttpHeaders,
  ) => void = echoBack;
  /** Called with the head, before the request has ended. */
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void =
    () => {};
  readonly sessions = new Set<http2.ServerHttp2Session>();
  readonly #server: http2.Http2Server | http2.Http2SecureServer;

  constructor(tls?: { cert: string; key: string }) {
    this.#server =
      tls === undefined
        ? http2.createServer()
        : http2.createSecureServer({ ...tls, allowHTTP1: false });
    this.#server.on("session", (session) => {
      this.sessions.add(session);
      session.on("error", () => {});
      session.on("close", () => this.sessions.delete(session));
    });
    const server = this.#server as http2.Http2Server;
    server.on("stream", (stream: http2.ServerHttp2Stream, headers, _flags, rawHeaders) => {
      const chunks: Buffer[] = [];
      let trailers: http2.IncomingHttpHeaders = {};
      stream.on("error", () => {});
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("trailers", (received) => {
        trailers = received;
      });
      stream.on("end", () => {
        const body = Buffer.concat(chunks);
        this.calls.push({ headers, rawHeaders: rawHeaders as unknown as string[], body, trailers });
        if (!stream.destroyed && !stream.headersSent) this.onCall(stream, body, headers);
      });
      this.onStream(stream, headers);
    });
  }

  port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    return this.port();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.sessions) session.destroy();
    await closed;
  }
}

/** A client on raw HTTP/2: sees heads, trailers and resets as they are. */
export class RawClient implements AsyncDisposable {
  readonly session: http2.ClientHttp2Session;

  constructor(url: URL, options: http2.SecureClientSessionOptions = {}) {
    this.session = http2.connect(url.origin, options);
    this.session.on("error", () => {});
  }

  /** Send one call whole; `headers` without pseudo-headers but :path. */
  call(
    headers: http2.OutgoingHttpHeaders,
    body?: Buffer,
    trailers?: http2.OutgoingHttpHeaders,
  ): Promise<Answer> {
    const stream = this.session.request(
      { ":method": "POST", "content-type": "application/grpc", te: "trailers", ...headers },
      { waitForTrailers: trailers !== undefined },
    );
    if (trailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body ?? grpcFrame("hello"));
    return answerOf(stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.session.destroyed) return;
    const closed = new Promise<void>((resolve) => this.session.once("close", resolve));
    this.session.destroy();
    await closed;
  }
}

export function answerOf(stream: http2.ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let headers: Answer["headers"] = {};
    let trailers: http2.IncomingHttpHeaders = {};
    let headersOnly = false;
    const chunks: Buffer[] = [];
    stream.on("response", (received, flags) => {
      headers = received;
      headersOnly = (flags & 1) !== 0;
    });
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("close", () =>
      resolve({
        headers,
        trailers,
        body: Buffer.concat(chunks),
        headersOnly,
        resetCode: stream.rstCode,
      }),
    );
  });
}

/** One gRPC message frame: not compressed, length, bytes. */
export function grpcFrame(message: string | Buffer): Buffer {
  const bytes = Buffer.from(message as string);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

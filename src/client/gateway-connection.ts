import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import { constants } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";

export interface ConnectionOptions {
  readonly url: URL;
  /** Sent as :authority where it is not the address's own. */
  readonly authority: string | undefined;
  /** Checked and sent by TLS where it is not the address's own. */
  readonly servername: string | undefined;
  /** PEM roots; undefined: the ones Node trusts. */
  readonly ca: readonly string[] | undefined;
  readonly connectTimeoutMs: number;
}

/** How a call broke, below gRPC. */
export type BreakKind =
  /** No connection was made: nothing was sent. */
  | "connect"
  /** The other side says that it did nothing with the call (REFUSED_STREAM). */
  | "refused"
  /** The connection ended with the call on it. */
  | "lost"
  /** The other side reset the call. */
  | "reset";

/** The `cause` of a ConnectError that no gRPC status stands behind. */
export class BrokenCall extends Error {
  readonly kind: BreakKind;
  /** Node's code of the fault, or HTTP/2's name of the reset. */
  readonly code: string;

  constructor(kind: BreakKind, code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "BrokenCall";
    this.kind = kind;
    this.code = code;
  }
}

/** How an error's call broke; undefined when the answer was a gRPC or HTTP status. */
export function brokenCall(error: unknown): BrokenCall | undefined {
  return error instanceof ConnectError && error.cause instanceof BrokenCall
    ? error.cause
    : undefined;
}

/**
 * connect-node's connection, with the faults of connections told as gRPC tells them. Alone it reports a lost connection as
 * CANCELED or ABORTED and a refused stream as INTERNAL, waits for ever on a stream that is reset without an error, and dies
 * of an unhandled "error" when a session fails between two calls (2.2.0).
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors
 */
export class GatewayConnection extends Http2SessionManager {
  readonly #authority: string | undefined;
  readonly #connectTimeoutMs: number;
  readonly #heard = new WeakSet<ClientHttp2Session>();

  constructor({ url, authority, servername, ca, connectTimeoutMs }: ConnectionOptions) {
    super(url, {}, { ...(servername && { servername }), ...(ca && { ca: [...ca] }) });
    this.#authority = authority;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  override async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: object,
  ): Promise<ClientHttp2Stream> {
    const named =
      this.#authority === undefined ? headers : { ...headers, ":authority": this.#authority };
    const late = setTimeout(() => this.#giveUpConnecting(), this.#connectTimeoutMs);
    try {
      const stream = await super.request(method, path, named, options);
      if (stream.session !== undefined) this.#hear(stream.session as ClientHttp2Session);
      tellFaults(stream);
      return stream;
    } catch (error) {
      throw this.state() === "error" && this.error() === error ? connectFault(error) : error;
    } finally {
      clearTimeout(late);
    }
  }

  /** connect-node stops listening as soon as it knows that a session is over, which may be before the session says so. */
  #hear(session: ClientHttp2Session): void {
    if (this.#heard.has(session)) return;
    this.#heard.add(session);
    session.on("error", () => {});
  }

  #giveUpConnecting(): void {
    if (this.state() !== "connecting") return;
    const message = `no connection within ${this.#connectTimeoutMs} ms`;
    this.abort(new ConnectError(message, Code.Unavailable));
  }
}

function connectFault(error: unknown): ConnectError {
  const { rawMessage, cause } = ConnectError.from(error);
  const code = nodeCode(cause) ?? "ETIMEDOUT";
  return unavailable(new BrokenCall("connect", code, plainMessage(rawMessage, cause), cause));
}

/** OpenSSL's messages begin with a thread number and end with a line of its source. */
function plainMessage(message: string, cause: unknown): string {
  const reason = cause instanceof Error && "reason" in cause ? cause.reason : undefined;
  if (typeof reason === "string") return `TLS: ${reason}`;
  if (cause instanceof AggregateError && cause.errors.length > 0)
    return cause.errors.map((one) => (one instanceof Error ? one.message : String(one))).join("; ");
  return message;
}

function nodeCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

function unavailable(broken: BrokenCall): ConnectError {
  return new ConnectError(broken.message, Code.Unavailable, undefined, undefined, broken);
}

/** connect-node listens to "error" and takes a ConnectError as it is: tell it the right one before its own guess. */
function tellFaults(stream: ClientHttp2Stream): void {
  const { session } = stream;
  let isTold = false;
  const tell = (error: ConnectError): void => {
    isTold = true;
    stream.emit("error", error);
  };
  stream.on("error", (error: unknown) => {
    if (isTold || error instanceof ConnectError) return;
    const told = streamFault(stream, error);
    if (told !== undefined) tell(told);
  });
  stream.once("close", () => {
    if (isTold || stream.readableEnded || stream.errored !== null) return;
    if (session?.destroyed === true)
      tell(unavailable(new BrokenCall("lost", "ECONNRESET", "the connection was lost")));
    else if (stream.rstCode === constants.NGHTTP2_NO_ERROR)
      tell(resetError("NO_ERROR", Code.Internal));
  });
}

function streamFault(stream: ClientHttp2Stream, error: unknown): ConnectError | undefined {
  const code = nodeCode(error);
  const reason = code === undefined ? undefined : lostBy[code];
  if (code !== undefined && reason !== undefined)
    return unavailable(new BrokenCall("lost", code, reason, error));
  if (code !== "ERR_HTTP2_STREAM_ERROR") return undefined;
  if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) {
    const message = "the other side refused the call unread (REFUSED_STREAM)";
    return unavailable(new BrokenCall("refused", "REFUSED_STREAM", message, error));
  }
  if (stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM)
    return resetError("ENHANCE_YOUR_CALM", Code.ResourceExhausted, error);
  return undefined;
}

/** Node's codes for a connection that ended with calls on it. */
const lostBy: Readonly<Record<string, string>> = {
  ECONNRESET: "the connection was lost (ECONNRESET)",
  EPIPE: "the connection was lost (EPIPE)",
  ETIMEDOUT: "the connection was lost (ETIMEDOUT)",
  ERR_HTTP2_SESSION_ERROR: "the other side ended the connection with an error",
  ERR_HTTP2_ERROR: "the other side does not speak HTTP/2 here",
};

function resetError(name: string, code: Code, cause?: unknown): ConnectError {
  const message = `the call was reset with ${name}`;
  const broken = new BrokenCall("reset", name, message, cause);
  return new ConnectError(message, code, undefined, undefined, broken);
}

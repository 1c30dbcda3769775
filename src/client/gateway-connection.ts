import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import { constants } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { BrokenCall, nodeCode } from "./broken-call.ts";

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

/**
 * connect-node's connection with what it lacks (2.2.0): a name of its own for :authority, a bound on connecting, UNAVAILABLE
 * where no connection comes about. Alone it takes a connection that closes for the caller's own CANCELED, waits for ever on a
 * stream that is reset without an error, and dies of an unhandled "error" when a session fails between two calls.
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
      tellSilentEnds(stream);
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
  return new BrokenCall("connect", code, plainMessage(rawMessage, cause), cause).toConnectError();
}

/** OpenSSL's messages begin with a thread number and end with a line of its source. */
function plainMessage(message: string, cause: unknown): string {
  const reason = cause instanceof Error && "reason" in cause ? cause.reason : undefined;
  if (typeof reason === "string") return `TLS: ${reason}`;
  if (cause instanceof AggregateError && cause.errors.length > 0)
    return cause.errors.map((one) => (one instanceof Error ? one.message : String(one))).join("; ");
  return message;
}

/** connect-node listens to "error", and takes a ConnectError as it is. */
function tellSilentEnds(stream: ClientHttp2Stream): void {
  const { session } = stream;
  let isAnswered = false;
  stream.once("response", () => {
    isAnswered = true;
  });
  stream.once("close", () => {
    if (stream.errored !== null || (isAnswered && stream.readableEnded)) return;
    if (session?.destroyed === true) {
      const broken = new BrokenCall("lost", "ECONNRESET", "the connection was lost");
      stream.emit("error", broken.toConnectError());
    } else if (!isAnswered && stream.rstCode === constants.NGHTTP2_NO_ERROR) {
      const broken = new BrokenCall("reset", "NO_ERROR", "the call was reset without an answer");
      stream.emit("error", broken.toConnectError(Code.Internal));
    }
  });
}

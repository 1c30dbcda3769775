import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

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

  /** As gRPC tells it. */
  toConnectError(code: Code = Code.Unavailable): ConnectError {
    return new ConnectError(this.message, code, undefined, undefined, this);
  }
}

/** How an error's call broke; undefined when the answer was a gRPC or HTTP status. */
export function brokenCall(error: unknown): BrokenCall | undefined {
  return error instanceof ConnectError && error.cause instanceof BrokenCall
    ? error.cause
    : undefined;
}

/**
 * Tell broken calls as gRPC tells them: connect-node (2.2.0) reports a refused stream as INTERNAL and a lost connection as
 * ABORTED or INTERNAL.
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors
 */
export const brokenCallInterceptor: Interceptor = (next) => async (req) => {
  try {
    const res = await next(req);
    return res.stream ? { ...res, message: told(res.message) } : res;
  } catch (error) {
    throw tell(error);
  }
};

async function* told<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw tell(error);
  }
}

function tell(error: unknown): unknown {
  if (!(error instanceof ConnectError) || error.cause instanceof BrokenCall) return error;
  const { cause } = error;
  const code = nodeCode(cause);
  if (code === undefined) return error;
  const lost = lostBy[code];
  if (lost !== undefined) return new BrokenCall("lost", code, lost, cause).toConnectError();
  if (code !== "ERR_HTTP2_STREAM_ERROR") return error;
  const [name] = /[A-Z_]+$/.exec(error.rawMessage.replace(/ NGHTTP2_/, " ")) ?? [];
  if (name === "REFUSED_STREAM") {
    const message = "the other side refused the call unread (REFUSED_STREAM)";
    return new BrokenCall("refused", name, message, cause).toConnectError();
  }
  if (name === "ENHANCE_YOUR_CALM") {
    const message = "the call was reset: too many at once (ENHANCE_YOUR_CALM)";
    return new BrokenCall("reset", name, message, cause).toConnectError(Code.ResourceExhausted);
  }
  return error;
}

/** Node's code of a fault. */
export function nodeCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** Node's codes for a connection that ended with calls on it. */
const lostBy: Readonly<Record<string, string>> = {
  ECONNRESET: "the connection was lost (ECONNRESET)",
  EPIPE: "the connection was lost (EPIPE)",
  ETIMEDOUT: "the connection was lost (ETIMEDOUT)",
  ERR_STREAM_DESTROYED: "the connection was lost while the call was sent",
  ERR_HTTP2_INVALID_STREAM: "the connection was lost while the call was sent",
  ERR_HTTP2_STREAM_CANCEL: "the connection was lost",
  ERR_HTTP2_SESSION_ERROR: "the other side ended the connection with an error",
  ERR_HTTP2_ERROR: "the other side does not speak HTTP/2 here",
};

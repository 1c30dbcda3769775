import { setTimeout as wait } from "node:timers/promises";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { brokenCall } from "./broken-call.ts";

export interface RetryOptions {
  /** Tries in all, the first included; default 3, 1 turns retries off. */
  readonly tries?: number | undefined;
  /** 0 up to, not including, 1; default Math.random. Spreads the retries of many callers. */
  readonly random?: (() => number) | undefined;
}

/** Before the second try at most this, doubled for each further one. */
const firstWaitMs = 200;

/**
 * Try again what gRPC allows, while nothing of an answer has come: a call that the other side cannot have seen (no connection,
 * REFUSED_STREAM) whatever the method; UNAVAILABLE only where the proto says that a call may happen twice
 * (`idempotency_level`). The caller's deadline covers all tries. A stream of requests is retried only before its first
 * message was taken.
 * @see https://github.com/grpc/proposal/blob/master/A6-client-retries.md
 */
export function retryInterceptor({ tries = 3, random = Math.random }: RetryOptions): Interceptor {
  return (next) => async (req) => {
    const attempt = await repeatable(req);
    for (let tried = 1; ; tried++) {
      try {
        return await next(attempt());
      } catch (error) {
        if (tried >= tries || req.signal.aborted || !mayRetry(req, error)) throw error;
        await wait(firstWaitMs * 2 ** (tried - 1) * random(), undefined, { signal: req.signal });
      }
    }
  };
}

type AnyRequest = UnaryRequest | StreamRequest;

/** Each call of the result is the request anew. A server-streaming request is one message: it is kept. */
async function repeatable(req: AnyRequest): Promise<() => AnyRequest> {
  if (!req.stream || req.method.methodKind !== "server_streaming") return () => req;
  const messages = await Array.fromAsync(req.message);
  return () => ({ ...req, message: createAsyncIterable(messages) });
}

function mayRetry({ method }: AnyRequest, error: unknown): boolean {
  const kind = brokenCall(error)?.kind;
  const isMany = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  if (kind === "connect") return true;
  if (isMany) return false;
  if (kind === "refused") return true;
  const mayRepeat =
    method.idempotency === Idempotency.NO_SIDE_EFFECTS ||
    method.idempotency === Idempotency.IDEMPOTENT;
  return mayRepeat && ConnectError.from(error).code === Code.Unavailable;
}

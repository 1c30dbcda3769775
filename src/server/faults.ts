import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { type CallRecord, recordKey } from "./call-record.ts";

/**
 * Keeps what an implementation threw for the log: Connect answers `internal error` and forgets it. A ConnectError is an
 * answer, not a fault.
 */
export const rememberFaults: Interceptor = (next) => async (request) => {
  const record = request.contextValues.get(recordKey);
  const { signal } = request;
  try {
    const response = await next(request);
    return response.stream
      ? { ...response, message: watched(response.message, record, signal) }
      : response;
  } catch (fault) {
    remember(record, signal, fault);
    throw fault;
  }
};

async function* watched<T>(
  messages: AsyncIterable<T>,
  record: CallRecord | undefined,
  signal: AbortSignal,
): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (fault) {
    remember(record, signal, fault);
    throw fault;
  }
}

/** What is thrown after the call was aborted says nothing about the implementation. */
function remember(record: CallRecord | undefined, signal: AbortSignal, fault: unknown): void {
  if (record === undefined || signal.aborted || fault instanceof ConnectError) return;
  record.fault ??= fault;
}

import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  Message,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";

export interface Invocation {
  readonly transport: Transport;
  readonly method: DescMethod;
  /** Read as the call goes; a unary call takes the first. */
  readonly messages: AsyncIterable<Message>;
  readonly headers: Headers;
  /** Deadline of the whole call; undefined: none. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
  readonly onMessage: (message: Message) => void;
}

/** One RPC of any kind by its descriptor. Rejects with the ConnectError, or with what `messages` threw. */
export async function invoke(invocation: Invocation): Promise<void> {
  const { transport, method, headers, timeoutMs, signal, onMessage } = invocation;
  const { messages, fault } = remembering(invocation.messages);
  try {
    if (method.methodKind === "unary") {
      const first = await messages.next();
      if (first.done) throw new Error("a unary call needs one message");
      const unary = method as DescMethodUnary<DescMessage, DescMessage>;
      const answer = await transport.unary(unary, signal, timeoutMs, headers, first.value);
      onMessage(answer.message);
      return;
    }
    const streaming = method as DescMethodStreaming<DescMessage, DescMessage>;
    const answer = await transport.stream(streaming, signal, timeoutMs, headers, messages);
    let count = 0;
    for await (const message of answer.message) {
      count += 1;
      onMessage(message);
    }
    if (method.methodKind === "client_streaming" && count !== 1)
      throw new ConnectError(`the answer has ${count} messages, not one`, Code.Unimplemented);
  } catch (error) {
    throw fault() ?? error;
  }
}

/** Connect wraps what a request stream throws; this keeps the original. */
function remembering(source: AsyncIterable<Message>) {
  let thrown: unknown;
  async function* read(): AsyncGenerator<Message, undefined> {
    try {
      yield* source;
    } catch (error) {
      thrown = error;
      throw error;
    }
    return undefined;
  }
  return { messages: read(), fault: () => thrown };
}

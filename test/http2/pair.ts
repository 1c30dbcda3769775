import { once } from "node:events";
import net from "node:net";
import type { Engine, Exchange, Session, SessionHandler } from "../../src/http2/exchange.ts";
import type { Head } from "../../src/http2/head.ts";
import { defaultLimits, type Limits } from "../../src/http2/limits.ts";
import { type Behaviour, Recorder, Seen } from "./recorder.ts";

/** One connection with an engine on each side. */
export interface Pair extends AsyncDisposable {
  readonly client: Session;
  readonly server: Session;
  /** What the server saw. */
  readonly callee: Recorder;
  /** What the client's session heard. */
  readonly caller: Recorder;
  readonly clientSocket: net.Socket;
  readonly serverSocket: net.Socket;
  /** Starts a call and records it. */
  call(head: Head, end: boolean): { readonly exchange: Exchange<Seen>; readonly seen: Seen };
}

/** Connects two engines over 127.0.0.1. Resolves when the client may start calls. */
export function openPair(
  engines: { readonly server: Engine; readonly client: Engine },
  server: Behaviour,
  options: {
    readonly client?: Behaviour;
    readonly serverLimits?: Partial<Limits>;
    readonly clientLimits?: Partial<Limits>;
  } = {},
): Promise<Pair> {
  const callee = new Recorder(server);
  return connectPair(engines, callee, callee, options);
}

/** The same, with a server's own handler, of which only the end is recorded. */
export function openPairTo<T>(
  engines: { readonly server: Engine; readonly client: Engine },
  handler: SessionHandler<T>,
  client: Behaviour = {},
): Promise<Pair> {
  const callee = new Recorder();
  const ending: SessionHandler<T> = {
    ...handler,
    onEnd(session, code) {
      handler.onEnd(session, code);
      callee.onEnd(session, code);
    },
  };
  return connectPair(engines, ending, callee, { client });
}

async function connectPair<T>(
  engines: { readonly server: Engine; readonly client: Engine },
  handler: SessionHandler<T>,
  callee: Recorder,
  options: NonNullable<Parameters<typeof openPair>[2]>,
): Promise<Pair> {
  const ready = Promise.withResolvers<void>();
  const { onCapacity, ...behaviour } = options.client ?? {};
  const caller = new Recorder({
    ...behaviour,
    onCapacity(session) {
      ready.resolve();
      onCapacity?.(session);
    },
  });
  const listener = net.createServer({ allowHalfOpen: true, noDelay: true });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const accepted = once(listener, "connection") as Promise<[net.Socket]>;
  const clientSocket = net.connect((listener.address() as net.AddressInfo).port, "127.0.0.1");
  const [serverSocket] = await accepted;
  listener.close();
  const serverSession = engines.server.serve(
    serverSocket,
    undefined,
    { ...defaultLimits, ...options.serverLimits },
    handler,
  );
  const clientSession = engines.client.connect(
    clientSocket,
    { ...defaultLimits, ...options.clientLimits },
    caller,
  );
  await ready.promise;
  return {
    client: clientSession,
    server: serverSession,
    callee,
    caller,
    clientSocket,
    serverSocket,
    call(head, end) {
      const seen = new Seen();
      const exchange = clientSession.start(head, end, caller, seen);
      if (exchange === undefined) throw new Error("the session has no capacity");
      seen.exchange = exchange;
      return { exchange, seen };
    },
    async [Symbol.asyncDispose]() {
      clientSocket.destroy();
      serverSocket.destroy();
      await Promise.all([caller.ended.promise, callee.ended.promise]);
      const violations = [...caller.violations, ...callee.violations];
      if (violations.length > 0)
        throw new Error(`callbacks out of order: ${violations.join(", ")}`);
    },
  };
}

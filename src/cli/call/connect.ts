import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { CallTarget } from "./call-target.ts";

/** A gRPC transport to one address. Disposing closes its connection. */
export function connect({ url, ca, servername }: CallTarget): Disposable & {
  readonly transport: Transport;
} {
  const nodeOptions = {
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(servername === undefined ? {} : { servername }),
  };
  const sessionManager = new Http2SessionManager(url.origin, {}, nodeOptions);
  return {
    transport: createGrpcTransport({ baseUrl: url.origin, nodeOptions, sessionManager }),
    [Symbol.dispose]: () => sessionManager.abort(),
  };
}

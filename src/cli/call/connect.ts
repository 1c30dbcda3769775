import type { Transport } from "@connectrpc/connect";
import { connectGateway } from "../../client/connect-gateway.ts";
import type { CallTarget } from "./call-target.ts";

/** A gRPC channel to one address, without retries: one call, one answer. Disposing closes its connection. */
export function connect(
  { url, ca, servername }: CallTarget,
  nowMs: () => number,
): Disposable & { readonly transport: Transport } {
  return connectGateway({
    address: url.origin,
    // The token is in the call's own headers.
    audience: "",
    tokenSource: undefined,
    servername,
    ca,
    tries: 1,
    nowMs,
  });
}

import { Code, type ConnectError, type Interceptor } from "@connectrpc/connect";
import { MintError } from "../auth/mint-error.ts";
import type { IdToken, TokenSource } from "../auth/token-source.ts";
import { toConnectError } from "../rejection/rejection.ts";

/**
 * Put an OIDC ID token for `audience` on every RPC, unary or streaming. A cancelled RPC stops waiting for its token. A
 * token that cannot be had is UNAUTHENTICATED from hop client (TOKEN_NOT_MINTED), with the source's error as cause.
 */
export function idTokenInterceptor(source: TokenSource, audience: string): Interceptor {
  return (next) => async (req) => {
    let token: IdToken;
    try {
      token = await source(audience, req.signal);
    } catch (error) {
      req.signal.throwIfAborted();
      throw notMinted(error, audience);
    }
    req.header.set("authorization", `Bearer ${token.value}`);
    return next(req);
  };
}

function notMinted(error: unknown, audience: string): ConnectError {
  const isOurs = error instanceof Error;
  const rejected = toConnectError({
    hop: "client",
    reason: "TOKEN_NOT_MINTED",
    code: Code.Unauthenticated,
    message: isOurs ? error.message : `no ID token for audience "${audience}"`,
    detail: "",
    fix: mintErrorOf(error)?.fix ?? "Check where this program takes its tokens from.",
  });
  rejected.cause = error;
  return rejected;
}

/** A cache wraps the failure it remembers. */
function mintErrorOf(error: unknown): MintError | undefined {
  if (error instanceof MintError) return error;
  return error instanceof Error && error.cause instanceof MintError ? error.cause : undefined;
}

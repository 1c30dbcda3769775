import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { cachedTokens } from "../auth/cached-tokens.ts";
import type { TokenSource } from "../auth/token-source.ts";
import { isLoopback, parseAddress } from "./address.ts";
import { brokenCallInterceptor } from "./broken-call.ts";
import { GatewayConnection } from "./gateway-connection.ts";
import { idTokenInterceptor } from "./id-token.ts";
import { retryInterceptor } from "./retry.ts";

export interface ConnectOptions {
  /** HOST:PORT or https://HOST:PORT for TLS, http://HOST:PORT for HTTP/2 without TLS. */
  readonly address: string;
  /** Who the tokens are for: the gateway's audience, or the service's URL on Cloud Run. */
  readonly audience: string;
  /** Mints the tokens; they are cached here, and renewed in the background. undefined: calls carry none. */
  readonly tokenSource: TokenSource | undefined;
  /** TLS server name, also sent as :authority; default the address's host. */
  readonly servername?: string | undefined;
  /** PEM roots to trust instead of the ones Node trusts. */
  readonly ca?: readonly string[] | undefined;
  /** Deadline of unary RPCs that set none; default 30 000. Streaming RPCs have the one they set. */
  readonly unaryTimeoutMs?: number | undefined;
  /** Default 20 000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Tries in all of what gRPC allows to retry; default 3. */
  readonly tries?: number | undefined;
  /** Run around retries and token, in this order. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  readonly nowMs: () => number;
  /** Default Math.random. */
  readonly random?: (() => number) | undefined;
}

/** Disposing ends calls in flight with CANCELED and closes the connection. */
export interface ConnectedGateway extends Disposable {
  readonly transport: Transport;
}

/** Longer than the gateway's 15 s: its answer says more than ours. */
const defaultUnaryTimeoutMs = 30_000;
const defaultConnectTimeoutMs = 20_000;
/** API Gateway's largest payload. Against: an answer that fills memory. */
const maxMessageBytes = 32 * 1024 * 1024;

/**
 * One channel to a gateway, or to a service on Cloud Run: `createClient(EchoServer, gateway.transport)`. gRPC over one
 * HTTP/2 connection, made at the first call and again when lost; an ID token on every call; deadlines; retries where gRPC
 * allows. Throws an Error for an address that is none, and for a token over cleartext to another machine.
 */
export function connectGateway(options: ConnectOptions): ConnectedGateway {
  const { address, audience, tokenSource, servername, ca, tries, nowMs, random } = options;
  const { url, isTls } = parseAddress(address);
  if (tokenSource !== undefined && !isTls && !isLoopback(url))
    throw new Error(
      `a token would go to ${url.host} in cleartext, for everybody on the way to read and use: write https://${url.host}`,
    );
  const connection = new GatewayConnection({
    url,
    authority: servername,
    servername,
    ca,
    connectTimeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
  });
  const tokens =
    tokenSource === undefined
      ? undefined
      : cachedTokens(tokenSource, { nowMs, ...(random && { random }) });
  const transport = createGrpcTransport({
    baseUrl: url.origin,
    sessionManager: connection,
    readMaxBytes: maxMessageBytes,
    interceptors: [
      ...(options.interceptors ?? []),
      retryInterceptor({ tries, random }),
      ...(tokens === undefined ? [] : [idTokenInterceptor(tokens, audience)]),
      brokenCallInterceptor,
    ],
  });
  return {
    transport: withUnaryDeadline(transport, options.unaryTimeoutMs ?? defaultUnaryTimeoutMs),
    [Symbol.dispose]() {
      tokens?.[Symbol.dispose]();
      connection.abort(new ConnectError("the channel was closed", Code.Canceled));
    },
  };
}

/** connect-node's own default would cut streams too. */
function withUnaryDeadline({ unary, stream }: Transport, defaultMs: number): Transport {
  return {
    unary: (method, signal, timeoutMs, header, input, contextValues) =>
      unary(method, signal, timeoutMs ?? defaultMs, header, input, contextValues),
    stream,
  };
}

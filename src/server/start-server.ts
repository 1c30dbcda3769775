import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type ConnectRouter, createConnectRouter, type Interceptor } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import type { Rejection } from "../rejection/rejection.ts";
import { callLogEntry, type LogContext, type LogEntry } from "./call-log.ts";
import { type CallOutcome, type CallRecord, newRecord } from "./call-record.ts";
import { drain } from "./drain.ts";
import { rememberFaults } from "./faults.ts";
import { type Guard, requestGate } from "./guard.ts";
import { healthService, ServerHealth } from "./health.ts";
import { Http1Front } from "./http1-front.ts";
import { Http2Call } from "./http2-call.ts";
import { Listener } from "./listener.ts";
import { type Protocol, protocolOf, refuseProtocol } from "./protocols.ts";
import { readHead } from "./request-head.ts";
import { Sessions } from "./sessions.ts";
import { unknownMethod } from "./unknown-method.ts";

/** What `startServer` needs: a routes function and a port do. */
export interface ServerOptions {
  /** Registers the services, as for any Connect server: `(router) => router.service(EchoServer, echo)`. */
  readonly routes: (router: ConnectRouter) => unknown;
  /** Default 0.0.0.0, as Cloud Run wants it. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM. Without it h2c by prior knowledge; with it TLS, ALPN h2. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Default: gRPC alone; the others are refused in words their clients show. */
  readonly protocols?: readonly Protocol[];
  /** Who calls, and who may: `createGuard`. Default: everybody, and every principal is anonymous. */
  readonly guard?: Guard | undefined;
  /** Run after the guard, in this order. */
  readonly interceptors?: readonly Interceptor[];
  /** Largest message received, bytes after decompression. Default 4 MiB, as in gRPC. Against: memory filled by one call. */
  readonly maxMessageBytes?: number;
  /** Streams of one connection at a time. Default 10, as in the walkthrough. Against: stream floods. */
  readonly maxStreams?: number;
  /** Default 1000. Against: connection floods. */
  readonly maxConnections?: number;
  /** Longest call, whatever its deadline. Default 3 600 000, Cloud Run's maximum. Against: calls that never end. */
  readonly maxCallMs?: number;
  /** How long calls in flight may take at the end. Default 8000: Cloud Run kills after 10 s. */
  readonly drainMs?: number;
  readonly nowMs: () => number;
  /** One entry a call. Default: none. */
  readonly log?: (entry: LogEntry) => void;
  /** For the log: links trace ids to Cloud Trace. */
  readonly projectId?: string | undefined;
  /** For the log: which revision answered. */
  readonly revision?: string | undefined;
  /** For the log: which instance answered. */
  readonly instanceId?: string | undefined;
}

/**
 * A server that listens. Disposing drains: health says NOT_SERVING, no new connection or stream, calls in flight end
 * for up to `drainMs`, the rest is answered with UNAVAILABLE.
 */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens, e.g. http://127.0.0.1:8080; for all interfaces 127.0.0.1 stands. */
  readonly url: URL;
}

const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Receive window of one stream, bytes. */
const STREAM_WINDOW = 256 * 1024;
/** Receive window of one connection, bytes. */
const SESSION_WINDOW = 1024 * 1024;
/** As the gateway's limit (LM-4), and a little room for what hops add. Against: header bombs. */
const MAX_HEADER_BYTES = 64 * 1024;
/** What node may hold for one connection, MB; answers that wait for the peer count. */
const MAX_SESSION_MEGABYTES = 64;

/** Listen, and keep going until the returned handle is disposed. Rejects where the port cannot be had. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const server = new Server(options);
  await server.listen();
  return server;
}

/** Selectors of all methods that routes register, e.g. echo.EchoServer.SayHello: what access.yaml may name. */
export function methodsOf(routes: ServerOptions["routes"]): readonly string[] {
  const router = createConnectRouter();
  routes(router);
  return router.handlers.map(({ service, method }) => `${service.typeName}.${method.name}`);
}

class Server implements RunningServer {
  readonly #options: ServerOptions;
  readonly #protocols: readonly Protocol[];
  readonly #health: ServerHealth;
  readonly #services: ReadonlySet<string>;
  readonly #handlers: ReadonlyMap<string, UniversalHandler>;
  readonly #http2: Http2Server;
  readonly #http1: Http1Front;
  readonly #sessions = new Sessions();
  readonly #calls = new Set<Http2Call>();
  #listener: Listener | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#protocols = options.protocols ?? ["grpc"];
    const methods = methodsOf(options.routes);
    this.#services = new Set(methods.map((method) => method.slice(0, method.lastIndexOf("."))));
    this.#health = new ServerHealth(this.#services);
    this.#handlers = this.#route();
    this.#http2 = createHttp2Server({
      maxSessionMemory: MAX_SESSION_MEGABYTES,
      settings: {
        maxConcurrentStreams: options.maxStreams ?? 10,
        initialWindowSize: STREAM_WINDOW,
        maxHeaderListSize: MAX_HEADER_BYTES,
      },
    });
    this.#http2.on("session", (session: ServerHttp2Session) => {
      session.setLocalWindowSize(SESSION_WINDOW);
      this.#sessions.add(session);
    });
    this.#http2.on("stream", (stream: ServerHttp2Stream, _headers, _flags, rawHeaders: string[]) =>
      this.#serve(stream, rawHeaders),
    );
    this.#http1 = new Http1Front({
      handlers: this.#handlers,
      protocols: this.#protocols,
      scheme: this.#scheme,
      nowMs: options.nowMs,
      onEnd: (record, outcome) => this.#logCall(record, outcome),
    });
  }

  async listen(): Promise<void> {
    const { host = "0.0.0.0", port, tls, maxConnections = 1000 } = this.#options;
    this.#listener = await Listener.open({
      host,
      port,
      tls,
      maxConnections,
      onHttp2: (socket) => void this.#http2.emit("connection", socket),
      onHttp1: (socket) => this.#http1.accept(socket),
    });
  }

  get url(): URL {
    const { host = "0.0.0.0" } = this.#options;
    const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
    const name = shown.includes(":") ? `[${shown}]` : shown;
    return new URL(`${this.#scheme}://${name}:${this.#listener?.port ?? 0}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= this.#drain();
    return this.#ended;
  }

  get #scheme(): "http" | "https" {
    return this.#options.tls === undefined ? "http" : "https";
  }

  #route(): ReadonlyMap<string, UniversalHandler> {
    const { routes, guard, interceptors = [], maxMessageBytes } = this.#options;
    const isExempt = (service: string): boolean => service === healthService.typeName;
    const router = createConnectRouter({
      grpc: this.#protocols.includes("grpc"),
      grpcWeb: this.#protocols.includes("grpc-web"),
      connect: this.#protocols.includes("connect"),
      acceptCompression: [compressionGzip],
      readMaxBytes: maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      interceptors: [...interceptors, rememberFaults],
      ...(guard === undefined ? {} : { requestGate: requestGate(guard, isExempt) }),
    });
    routes(router);
    if (!this.#services.has(healthService.typeName))
      router.service(healthService, this.#health.implementation);
    return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  }

  #serve(stream: ServerHttp2Stream, rawHeaders: readonly string[]): void {
    const { nowMs, maxCallMs = 3_600_000 } = this.#options;
    const session = stream.session as ServerHttp2Session | undefined;
    const head = readHead(rawHeaders, { scheme: this.#scheme });
    const record = newRecord({
      head,
      protocol: "HTTP/2.0",
      remoteAddress: session?.socket?.remoteAddress,
      startedAtMs: nowMs(),
    });
    const call = new Http2Call(stream, record, {
      maxCallMs,
      nowMs,
      onEnd: (ended, outcome) => {
        this.#calls.delete(ended);
        if (session !== undefined) this.#sessions.callEnded(session);
        this.#logCall(record, outcome);
      },
    });
    this.#calls.add(call);
    if (session !== undefined) this.#sessions.callStarted(session);
    const protocol = protocolOf(head);
    if (protocol === undefined || !this.#protocols.includes(protocol)) {
      const { status, fields, body, rejection } = refuseProtocol(head, "HTTP/2");
      record.rejection = rejection;
      call.answer(status, fields, body);
      return;
    }
    const handler = this.#handlers.get(head.path.split("?", 1)[0] ?? "");
    if (handler !== undefined) void call.serve(handler);
    else this.#refuseMethod(call, unknownMethod(head.path, this.#services), protocol);
  }

  #refuseMethod(call: Http2Call, rejection: Rejection, protocol: Protocol): void {
    call.record.rejection = rejection;
    if (protocol === "grpc") call.fail(rejection.code, rejection.message);
    else call.answer(404, {});
  }

  #logCall(record: CallRecord, outcome: CallOutcome): void {
    const { log, projectId, revision, instanceId } = this.#options;
    if (log === undefined) return;
    const context: LogContext = { projectId, revision, instanceId };
    log(callLogEntry(record, outcome, context));
  }

  async #drain(): Promise<void> {
    this.#health.stop();
    if (this.#listener === undefined) return;
    const { log, nowMs, drainMs = 8000 } = this.#options;
    const cut = await drain(
      {
        listener: this.#listener,
        sessions: this.#sessions,
        calls: this.#calls,
        http1: this.#http1,
      },
      drainMs,
    );
    if (cut > 0)
      log?.({
        severity: "WARNING",
        message: `${cut} calls lasted longer than the ${drainMs} ms that a drain grants, and were answered UNAVAILABLE`,
        time: new Date(nowMs()).toISOString(),
      });
  }
}

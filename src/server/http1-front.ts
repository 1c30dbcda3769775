import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { type CallOutcome, type CallRecord, newRecord, recordKey } from "./call-record.ts";
import { type Protocol, protocolOf, refuseProtocol } from "./protocols.ts";
import { type RequestHead, readHead } from "./request-head.ts";

export interface Http1FrontOptions {
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
  readonly protocols: readonly Protocol[];
  readonly scheme: "http" | "https";
  readonly nowMs: () => number;
  readonly onEnd: (record: CallRecord, outcome: CallOutcome) => void;
}

/** HTTP/1.1 on the server's port: gRPC-Web and Connect where the server answers them, a clear refusal for the rest. */
export class Http1Front {
  readonly #server: Server;
  readonly #options: Http1FrontOptions;
  #isTracking = false;
  #isDraining = false;

  constructor(options: Http1FrontOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  accept(socket: Socket): void {
    if (!this.#isTracking) {
      // Its time limits on headers and requests, and closing idle connections, start with this event.
      this.#isTracking = true;
      this.#server.emit("listening");
    }
    this.#server.emit("connection", socket);
    // It was paused, with its first bytes put back.
    socket.resume();
  }

  /** No further request on any connection: idle ones are closed now, the others after their answer. */
  drain(): void {
    this.#isDraining = true;
    if (this.#isTracking) this.#server.close(() => {});
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { scheme, nowMs, onEnd, protocols, handlers } = this.#options;
    const { method = "", url: path = "" } = request;
    if (this.#isDraining) response.setHeader("connection", "close");
    const head = readHead(request.rawHeaders, { scheme, method, path });
    const record = newRecord({
      head,
      protocol: "HTTP/1.1",
      remoteAddress: request.socket.remoteAddress,
      startedAtMs: nowMs(),
    });
    let bytes = 0;
    response.once("close", () => {
      onEnd(record, {
        httpStatus: response.headersSent ? response.statusCode : undefined,
        grpcStatus: undefined,
        bytes,
        cancelled: !response.writableFinished,
        endedAtMs: nowMs(),
      });
    });
    const handler = handlers.get(path.split("?", 1)[0] ?? "");
    const protocol = protocolOf(head);
    if (protocol === undefined || protocol === "grpc" || !protocols.includes(protocol)) {
      bytes = refuse(head, record, request, response);
    } else if (handler === undefined) {
      response.writeHead(404).end();
    } else {
      void handle(handler, record, request, response);
    }
  }
}

/** Answers, and gives the connection up: what follows on it would be refused too. */
function refuse(
  head: RequestHead,
  record: CallRecord,
  request: IncomingMessage,
  response: ServerResponse,
): number {
  const { status, fields, body, rejection } = refuseProtocol(head, "HTTP/1.1");
  record.rejection = rejection;
  response.writeHead(status, { ...fields, connection: "close" });
  response.end(body);
  request.resume();
  return body?.byteLength ?? 0;
}

async function handle(
  handler: UniversalHandler,
  record: CallRecord,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const values = createContextValues().set(recordKey, record);
  try {
    const answer = await handler(
      universalRequestFromNodeRequest(request, response, undefined, values),
    );
    await universalResponseToNodeResponse(answer, response);
  } catch (fault) {
    if (response.destroyed) return;
    record.fault ??= fault;
    if (!response.headersSent) response.writeHead(500);
    response.end();
  }
}

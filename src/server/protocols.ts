import { Code } from "@connectrpc/connect";
import type { Rejection } from "../rejection/rejection.ts";
import { headerOf, type RequestHead } from "./request-head.ts";

/** What a server may answer: pure gRPC unless told otherwise. */
export type Protocol = "grpc" | "grpc-web" | "connect";

/** What a request speaks, by its content type; undefined: none of them, a browser's GET for one. */
export function protocolOf(head: RequestHead): Protocol | undefined {
  const type = headerOf(head, "content-type")?.toLowerCase() ?? "";
  if (/^application\/grpc-web(-text)?([+;]|$)/.test(type)) return "grpc-web";
  if (/^application\/grpc([+;]|$)/.test(type)) return "grpc";
  if (/^application\/connect\+/.test(type)) return "connect";
  if (/^application\/(json|proto)([+;]|$)/.test(type)) return "connect";
  return /[?&]connect=v1(&|$)/.test(head.path) ? "connect" : undefined;
}

/** A whole answer in the words of the protocol that is refused, so that its own clients show them. */
export interface ProtocolRefusal {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  /** undefined: none, also no content-length. */
  readonly body: Uint8Array | undefined;
  readonly rejection: Rejection;
}

/** Refuse a request in a protocol that the server does not answer, or not over HTTP/1.1. */
export function refuseProtocol(head: RequestHead, http: "HTTP/1.1" | "HTTP/2"): ProtocolRefusal {
  const protocol = protocolOf(head);
  const rejection = rejectionOf(protocol, http);
  const { message } = rejection;
  if (protocol === "grpc-web") {
    const status = { "grpc-status": String(Code.Unimplemented), "grpc-message": message };
    const type = headerOf(head, "content-type") ?? "application/grpc-web+proto";
    return { status: 200, fields: { "content-type": type, ...status }, body: undefined, rejection };
  }
  const type = headerOf(head, "content-type")?.toLowerCase();
  if (protocol === "connect" && type?.startsWith("application/connect+")) {
    const body = endStreamMessage(message);
    return { status: 200, fields: { "content-type": type }, body, rejection };
  }
  if (protocol === "connect") {
    const body = JSON.stringify({ code: "unimplemented", message });
    return text(415, "application/json", body, rejection);
  }
  return text(
    protocol === "grpc" ? 505 : 415,
    "text/plain; charset=utf-8",
    `${message}\n`,
    rejection,
  );
}

function rejectionOf(protocol: Protocol | undefined, http: "HTTP/1.1" | "HTTP/2"): Rejection {
  const spoken = protocol ?? "a request that is no RPC";
  const overHttp1 = protocol === "grpc" && http === "HTTP/1.1";
  const seen = { grpc: "gRPC", "grpc-web": "gRPC-Web", connect: "Connect" };
  const name = protocol === undefined ? spoken : seen[protocol];
  const wanted = overHttp1
    ? "over HTTP/2, which carries its trailers"
    : "(application/grpc over HTTP/2)";
  return {
    hop: "server",
    reason: "UNSUPPORTED_PROTOCOL",
    code: Code.Unimplemented,
    message: overHttp1
      ? `this server answers gRPC only ${wanted}; this came over HTTP/1.1`
      : `this server answers gRPC only ${wanted}; this is ${name}`,
    detail: `${name} over ${http}`,
    fix:
      protocol === undefined || protocol === "grpc"
        ? "Call it with a gRPC client over HTTP/2, without TLS by prior knowledge (h2c)"
        : `Call it with a gRPC client, or name it in the service: startServer({ protocols: ["grpc", "${protocol}"] })`,
  };
}

function text(status: number, type: string, body: string, rejection: Rejection): ProtocolRefusal {
  const bytes = Buffer.from(body);
  const fields = { "content-type": type, "content-length": String(bytes.byteLength) };
  return { status, fields, body: bytes, rejection };
}

/** Connect's EndStreamResponse: flags 2, length, JSON. @see https://connectrpc.com/docs/protocol#streaming-rpcs */
function endStreamMessage(message: string): Uint8Array {
  const json = Buffer.from(JSON.stringify({ error: { code: "unimplemented", message } }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(2, 0);
  prefix.writeUInt32BE(json.byteLength, 1);
  return Buffer.concat([prefix, json]);
}

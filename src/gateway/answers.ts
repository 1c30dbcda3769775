import type { MakeField } from "../http2/exchange.ts";
import { type Field, firstValue, type Head } from "../http2/head.ts";

/** An answer of the gateway itself: what it would say over HTTP. */
export interface LocalAnswer {
  readonly httpStatus: number;
  /** gRPC status of the same answer (ER-3). */
  readonly grpcStatus: number;
  readonly message: string;
  /** JV-6 */
  readonly wwwAuthenticate?: string | undefined;
}

/** The answer as it leaves: a head, and for HTTP a body behind it. */
export interface WrittenAnswer {
  readonly head: Head;
  readonly body: Uint8Array | undefined;
}

/** ER-2: gRPC is asked for by `application/grpc` or `application/grpc+…`; gRPC-Web is not gRPC. */
export function isGrpc(head: Head): boolean {
  const type = firstValue(head, "content-type");
  return type !== undefined && isGrpcType(type);
}

export function isGrpcType(contentType: string): boolean {
  return contentType === "application/grpc" || contentType.startsWith("application/grpc+");
}

/**
 * Write an answer in API Gateway's form: trailers-only with the JSON object as grpc-message for gRPC (ER-2), status
 * and JSON body otherwise (ER-1).
 */
export function writeAnswer(answer: LocalAnswer, grpc: boolean, field: MakeField): WrittenAnswer {
  const { httpStatus, grpcStatus, message, wwwAuthenticate } = answer;
  const json = JSON.stringify({ code: httpStatus, message });
  const challenge: Field[] =
    wwwAuthenticate === undefined ? [] : [field("www-authenticate", wwwAuthenticate)];
  if (grpc) {
    const head = [
      field(":status", "200"),
      field("content-type", "application/grpc"),
      ...challenge,
      field("grpc-status", String(grpcStatus)),
      field("grpc-message", escapeGrpcMessage(json)),
    ];
    return { head, body: undefined };
  }
  const body = Buffer.from(`${json}\n`);
  const head = [
    field(":status", String(httpStatus)),
    field("content-type", "application/json"),
    field("content-length", String(body.length)),
    ...challenge,
  ];
  return { head, body };
}

/**
 * Percent-encode a status message as the gRPC specification asks, and no more: control characters, `%` and bytes
 * over 0x7e, in UTF-8.
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
 */
export function escapeGrpcMessage(message: string): string {
  if (/^[ -$&-~]*$/.test(message)) return message;
  let escaped = "";
  for (const byte of Buffer.from(message, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    escaped += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

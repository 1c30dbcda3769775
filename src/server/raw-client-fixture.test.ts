import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { toBinary } from "@bufbuild/protobuf";
import { GetItemRequestSchema } from "../../test/other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";

/** An answer as it came over HTTP/2. */
export interface RawAnswer {
  readonly headers: Readonly<Record<string, unknown>>;
  /** The first HEADERS frame ended the stream. */
  readonly isTrailersOnly: boolean;
  readonly trailers: Readonly<Record<string, unknown>> | undefined;
  readonly body: Buffer;
  /** RFC 9113 code of the RST_STREAM that came, or 0. */
  readonly resetCode: number;
  /** Of the trailers, or of the one block. */
  readonly grpcStatus: number | undefined;
  readonly grpcMessage: string | undefined;
}

export interface RawClient extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Header pairs as they are, duplicates included; `trailers` are sent after the body. */
  open(
    path: string,
    headers: readonly string[],
    trailers?: Record<string, string>,
  ): ClientHttp2Stream;
}

/** A client that hides nothing: duplicates, trailers, frames. */
export async function connectRaw(url: URL): Promise<RawClient> {
  const options = { strictSingleValueFields: false, settings: {} };
  const session = connect(url, options);
  session.on("error", () => {});
  await once(session, "connect");
  return {
    session,
    open(path, headers, trailers) {
      const fields = [":method", "POST", ":path", path, ":scheme", "http", ":authority", url.host];
      const stream = session.request(
        [...fields, "te", "trailers", ...headers],
        trailers === undefined ? {} : { waitForTrailers: true },
      );
      if (trailers !== undefined) stream.once("wantTrailers", () => stream.sendTrailers(trailers));
      return stream;
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      if (!session.closed) await once(session, "close");
    },
  };
}

export const grpc = ["content-type", "application/grpc"] as const;

/** Everything that comes on a stream until it is closed. */
export async function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  let headers: Record<string, unknown> = {};
  let trailers: Record<string, unknown> | undefined;
  let isTrailersOnly = false;
  const chunks: Buffer[] = [];
  stream.on("response", (fields, flags: number) => {
    headers = fields;
    isTrailersOnly = (flags & 1) === 1;
  });
  stream.on("trailers", (fields) => {
    trailers = fields;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => {});
  // Not `once`: it rejects on an error, and a reset is an answer too.
  await new Promise<void>((resolve) => stream.once("close", () => resolve()));
  const status = (trailers ?? headers)["grpc-status"];
  const message = (trailers ?? headers)["grpc-message"];
  return {
    headers,
    isTrailersOnly,
    trailers,
    body: Buffer.concat(chunks),
    resetCode: stream.rstCode ?? 0,
    grpcStatus: status === undefined ? undefined : Number(status),
    grpcMessage: typeof message === "string" ? message : undefined,
  };
}

/** One gRPC message. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
}

export const getItemPath = "/acme.inventory.v1.InventoryService/GetItem";
export const hammer = framed(
  toBinary(GetItemRequestSchema, {
    $typeName: "acme.inventory.v1.GetItemRequest",
    sku: "hammer",
  }),
);

/** One unary call with these header pairs. */
export async function callRaw(
  url: URL,
  headers: readonly string[],
  trailers?: Record<string, string>,
): Promise<RawAnswer> {
  await using client = await connectRaw(url);
  const stream = client.open(getItemPath, [...grpc, ...headers], trailers);
  stream.end(hammer);
  return await answerOf(stream); // before the client is disposed
}

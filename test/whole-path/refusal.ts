import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../src/google/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../src/google/gen/google/rpc/status_pb.ts";
import type { Answer } from "../raw-http2.ts";

/** How one call ended, in a gRPC client's eyes. */
export interface End {
  /** gRPC's status; undefined: the stream was reset, or ended without one. */
  readonly code: number | undefined;
  readonly message: string;
  /** Only the server says on the wire that it was it. */
  readonly hop: string | undefined;
}

/**
 * What gRPC clients make of an HTTP status without grpc-status.
 * @see https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
 */
const codeOfHttp: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
};

export function endOf({ headers, trailers, body, resetCode }: Answer): End {
  const status = trailers["grpc-status"] ?? headers["grpc-status"];
  const { ":status": http = 0 } = headers;
  if (status === undefined) {
    const code = resetCode === 0 && http !== 200 ? codeOfHttp[http] : undefined;
    return { code, message: body.toString(), hop: undefined };
  }
  const one = (name: string): string => String(trailers[name] ?? headers[name] ?? "");
  return {
    code: Number(status),
    message: decodeURIComponent(one("grpc-message")),
    hop: hopIn(one("grpc-status-details-bin")),
  };
}

/** The same of a typed call; of one that was answered, OK. */
export async function endOfCall(call: Promise<unknown>): Promise<End> {
  try {
    await call;
    return { code: 0, message: "", hop: undefined };
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const [info] = error.findDetails(ErrorInfoSchema);
    return { code: error.code, message: error.rawMessage, hop: info?.metadata.hop };
  }
}

/** google.rpc.ErrorInfo of grpc-status-details-bin. */
function hopIn(details: string): string | undefined {
  if (details === "") return undefined;
  const status = fromBinary(StatusSchema, Buffer.from(details, "base64"));
  const infos = status.details.map((any) => anyUnpack(any, ErrorInfoSchema));
  return infos.find((info) => info !== undefined)?.metadata.hop;
}

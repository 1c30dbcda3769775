import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import { toBinary } from "@bufbuild/protobuf";
import { EchoRequestSchema } from "../../gen/es/echo/echo_pb.ts";
import { type Answer, answerOf, grpcFrame, type RawClient } from "../raw-http2.ts";
import { echoRequest, echoService, type TestedService, trackRequest } from "./services.ts";

/** A call that is in flight for as long as the test wants. */
export interface HeldCall {
  readonly kind: "unary" | "stream";
  readonly traceId: string;
  /** Let it come to its own end. */
  letGo(): void;
  /** How it ended, by itself or otherwise. */
  readonly answer: Promise<Answer>;
}

/** A unary call whose request is not whole yet: its server waits for the rest. */
export function holdUnary(
  client: RawClient,
  authorization: string,
  service: TestedService,
): HeldCall {
  const { path, request } = service.unary;
  const { stream, traceId } = open(client, path, authorization);
  stream.write(request.subarray(0, 3));
  return {
    kind: "unary",
    traceId,
    letGo: () => send(stream, request.subarray(3)),
    answer: answerOf(stream),
  };
}

/**
 * A stream whose answer has begun and is not over; resolves when it has begun. Where the client sends messages too, the
 * server waits for the next one. Where it does not, the answer is larger than all windows on its way, and not read.
 */
export async function holdStream(
  client: RawClient,
  authorization: string,
  service: TestedService,
): Promise<HeldCall> {
  if (service !== echoService) {
    const path = `/${service.typeName}/TrackItems`;
    const { stream, traceId } = open(client, path, authorization);
    const answer = answerOf(stream);
    stream.write(trackRequest("saw"));
    await once(stream, "data");
    return { kind: "stream", traceId, letGo: () => send(stream, trackRequest("gold")), answer };
  }
  const { stream, traceId } = open(client, "/echo.EchoServer/SayHelloStream", authorization);
  const answer = answerOf(stream);
  stream.pause();
  const name = "x".repeat(LARGE_BYTES);
  stream.end(grpcFrame(Buffer.from(toBinary(EchoRequestSchema, echoRequest(name)))));
  await once(stream, "response");
  return { kind: "stream", traceId, letGo: () => void stream.resume(), answer };
}

/** The end of the request, unless nobody takes it any more. */
function send(stream: ClientHttp2Stream, bytes: Buffer): void {
  if (stream.writable) stream.end(bytes);
}

/** Resolves when the other side has read all that was sent: it answers a PING after it. */
export function arrived({ session }: RawClient): Promise<void> {
  return new Promise((resolve, reject) => {
    const ping = () => session.ping((fault) => (fault === null ? resolve() : reject(fault)));
    if (session.connecting) session.once("connect", ping);
    else ping();
  });
}

/** Twice this is more than client, gateway, front and instance take ahead. */
const LARGE_BYTES = 1024 * 1024;

function open(
  { session }: RawClient,
  path: string,
  authorization: string,
): { readonly stream: ClientHttp2Stream; readonly traceId: string } {
  const traceId = randomBytes(16).toString("hex");
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    authorization,
    traceparent: `00-${traceId}-${traceId.slice(16)}-01`,
  });
  return { stream, traceId };
}

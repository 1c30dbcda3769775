import { Flag, FrameType, PREFACE, Setting } from "../../src/http2/frames.ts";
import { block, frame, settings } from "../../test/http2/raw-peer.ts";

/** What an attacker has. */
export interface Given {
  /** A token that the gateway accepts. */
  readonly token: string;
}

/** One way to hurt a gateway: what one connection sends, and how many there are of it. */
export interface Attack {
  readonly name: string;
  /** What is sent, as the report says it. */
  readonly sent: string;
  readonly connections: number;
  /** How long, where it needs its time: at most 10. Default: as long as others. */
  readonly seconds?: number;
  /** Before anything else; default: preface, SETTINGS and their acknowledgement. */
  readonly greeting?: Uint8Array;
  /** Once, behind the greeting. */
  readonly first?: (given: Given) => Buffer;
  /** Again and again: the nth piece of this connection, from 0. */
  readonly piece?: (nth: number, given: Given) => Buffer;
  /** What one piece holds, to be counted. */
  readonly units?: number;
  /** Between two pieces; default: as fast as they are taken. */
  readonly pauseMs?: number;
  /** Default true. False: what the gateway sends stays in the sockets. */
  readonly reads?: boolean;
  /** Close the own half behind `first`. */
  readonly closesHalf?: boolean;
}

export const { HEADERS, DATA, RST_STREAM, PING, SETTINGS, PRIORITY, WINDOW_UPDATE, CONTINUATION } =
  FrameType;
export const END = Flag.END_STREAM | Flag.END_HEADERS;
export const OPEN = Flag.END_HEADERS;

export const greeting = greetingWith();

export function greetingWith(...pairs: [name: number, value: number][]): Buffer {
  return Buffer.concat([PREFACE, settings(...pairs), frame(SETTINGS, Flag.ACK, 0)]);
}

export const { INITIAL_WINDOW_SIZE } = Setting;

export const unary = "/echo.EchoServer/SayHello";
export const stream = "/echo.EchoServer/SayHelloStream";

/** Field by field into the connection's table, so that `again` names them by one octet each. */
export function introduced(path: string, token?: string): Buffer {
  const fields: [string, string][] = [
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...(token === undefined ? [] : [["authorization", `Bearer ${token}`] as [string, string]]),
  ];
  const literals = fields.map((field) => {
    const literal = block(field);
    literal[0] = 0x40;
    return literal;
  });
  return Buffer.concat([POST_HTTP, ...literals]);
}

/** The block of `introduced`, all of it from the table. */
export function again({ withToken }: { readonly withToken: boolean }): Buffer {
  const count = withToken ? 5 : 4;
  return Buffer.from([
    ...POST_HTTP,
    ...Array.from({ length: count }, (_, nth) => 0x80 | (61 + count - nth)),
  ]);
}

/** `:method: POST` and `:scheme: http` of the static table. */
export const POST_HTTP = Buffer.from([0x83, 0x86]);

/** `count` streams of the nth piece, after the one that `first` took. */
export function streams(nth: number, count: number, make: (id: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, at) => make(3 + 2 * (nth * count + at))));
}

export function repeated(count: number, bytes: Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}

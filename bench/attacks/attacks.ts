import { block, frame, uint32 } from "../../test/http2/raw-peer.ts";
import { grpcFrame } from "../../test/raw-http2.ts";
import {
  type Attack,
  again,
  CONTINUATION,
  DATA,
  END,
  type Given,
  greetingWith,
  HEADERS,
  INITIAL_WINDOW_SIZE,
  introduced,
  OPEN,
  PING,
  POST_HTTP,
  PRIORITY,
  RST_STREAM,
  repeated,
  SETTINGS,
  stream,
  streams,
  unary,
  WINDOW_UPDATE,
} from "./attack.ts";

const CANCEL = uint32(8);
const opened = ({ token }: Given) => frame(HEADERS, OPEN, 1, introduced(unary, token));
const openedWithout = () => frame(HEADERS, OPEN, 1, introduced(unary));
const withToken = again({ withToken: true });
const without = again({ withToken: false });
/** Frames that cost their sender nothing, a thousand a piece, with one open call. */
const flood = (name: string, what: string, one: Uint8Array): Attack => {
  const thousand = repeated(1000, one);
  return { name, sent: what, connections: 4, first: opened, piece: () => thousand, units: 1000 };
};

/** An entry of 4,000 octets for the table, and a block that names it 4,000 times: 16 MB of fields. */
const bombEntry = Buffer.concat([
  Buffer.from([0x40, 1, 97, 127, 0xa1, 0x1e]),
  Buffer.alloc(4000, 98),
]);
const bombBlock = Buffer.alloc(4000, 0xbe);

/** Whole requests of a service that answers with a hundred times their 15,000 octets. */
const bigAsks = ({ token }: Given, path: string, count: number) => {
  const message = grpcFrame(Buffer.alloc(15_000));
  const ask = (id: number, head: Buffer) =>
    Buffer.concat([frame(HEADERS, OPEN, id, head), frame(DATA, 1, id, message)]);
  return Buffer.concat([
    ask(1, introduced(path, token)),
    ...Array.from({ length: count - 1 }, (_, nth) => ask(3 + 2 * nth, withToken)),
  ]);
};

/** The same token under ever other signatures: none can be known before it is checked. */
function badTokens(nth: number, { token }: Given): Buffer {
  const [header = "", payload = "", signature = ""] = token.split(".");
  return streams(nth, 20, (id) => {
    const other = Buffer.from(uint32(id, nth, id))
      .toString("base64url")
      .slice(0, 16);
    const bad = `Bearer ${header}.${payload}.${other}${signature.slice(16)}`;
    return frame(HEADERS, END, id, Buffer.concat([without, block(["authorization", bad])]));
  });
}

/** In the order of the report. */
export const attacks: readonly Attack[] = [
  {
    name: "rapid-reset-local",
    sent: "calls without a token, each cancelled at once",
    connections: 4,
    first: openedWithout,
    piece: (nth) =>
      streams(nth, 100, (id) =>
        Buffer.concat([frame(HEADERS, OPEN, id, without), frame(RST_STREAM, 0, id, CANCEL)]),
      ),
    units: 100,
  },
  {
    name: "rapid-reset-forwarded",
    sent: "good calls, each cancelled at once",
    connections: 4,
    first: opened,
    piece: (nth) =>
      streams(nth, 100, (id) =>
        Buffer.concat([frame(HEADERS, OPEN, id, withToken), frame(RST_STREAM, 0, id, CANCEL)]),
      ),
    units: 100,
  },
  {
    name: "made-you-reset",
    sent: "good calls, each with a window update of 0 that makes the gateway reset it",
    connections: 4,
    first: opened,
    piece: (nth) =>
      streams(nth, 100, (id) =>
        Buffer.concat([
          frame(HEADERS, OPEN, id, withToken),
          frame(WINDOW_UPDATE, 0, id, uint32(0)),
        ]),
      ),
    units: 100,
  },
  {
    name: "continuation-flood",
    sent: "a head that never ends, in empty CONTINUATION frames",
    connections: 4,
    first: () => frame(HEADERS, 0, 1, introduced(unary)),
    piece: () => repeated(1000, frame(CONTINUATION, 0, 1)),
    units: 1000,
  },
  {
    name: "hpack-bomb",
    sent: "heads of 4,000 octets that expand to 16 MB",
    connections: 4,
    first: () => frame(HEADERS, END, 1, Buffer.concat([introduced(unary), bombEntry])),
    piece: (nth) => streams(nth, 10, (id) => frame(HEADERS, END, id, bombBlock)),
    units: 10,
  },
  {
    name: "huge-header-lists",
    sent: "heads of 48 KiB in 90 fields, without a token",
    connections: 4,
    first: openedWithout,
    piece: (nth) => streams(nth, 2, hugeHead),
    units: 2,
  },
  {
    name: "stream-flood",
    sent: "good calls whose request never ends",
    connections: 4,
    first: opened,
    piece: (nth) => streams(nth, 100, (id) => frame(HEADERS, OPEN, id, withToken)),
    units: 100,
  },
  flood("ping-flood", "PING", frame(PING, 0, 0, Buffer.alloc(8))),
  flood("settings-flood", "SETTINGS", frame(SETTINGS, 0, 0)),
  flood("priority-flood", "PRIORITY", frame(PRIORITY, 0, 1, Buffer.alloc(5))),
  flood(
    "window-update-flood",
    "WINDOW_UPDATE by 1 of the stream",
    frame(WINDOW_UPDATE, 0, 1, uint32(1)),
  ),
  flood("empty-data-flood", "empty DATA", frame(DATA, 0, 1)),
  {
    name: "refused-calls",
    sent: "whole calls without a token",
    connections: 4,
    first: openedWithout,
    piece: (nth) => streams(nth, 500, (id) => frame(HEADERS, END, id, without)),
    units: 500,
  },
  {
    name: "bad-tokens",
    sent: "calls with good claims under ever other bad signatures",
    connections: 4,
    first: openedWithout,
    piece: badTokens,
    units: 20,
  },
  {
    name: "unread-answers",
    sent: "100 calls a connection with answers of 1.5 MB, nothing of which is read",
    connections: 10,
    greeting: Buffer.concat([
      greetingWith([INITIAL_WINDOW_SIZE, 0x7fffffff]),
      frame(WINDOW_UPDATE, 0, 0, uint32(0x7fff0000 - 65_535)),
    ]),
    first: (given) => bigAsks(given, stream, 100),
    reads: false,
  },
  {
    name: "zero-windows",
    sent: "100 calls a connection with answers of 1.5 MB, into windows of 0",
    connections: 10,
    greeting: greetingWith([INITIAL_WINDOW_SIZE, 0]),
    first: (given) => bigAsks(given, stream, 100),
  },
  {
    name: "slow-headers",
    sent: "heads that come an octet a second",
    connections: 500,
    seconds: 10,
    first: () => frame(HEADERS, 0, 1, POST_HTTP),
    piece: () => frame(CONTINUATION, 0, 1, Buffer.from([0x83])),
    pauseMs: 1000,
    units: 1,
  },
  {
    name: "slow-preface",
    sent: "a preface that comes an octet a second",
    connections: 1000,
    seconds: 10,
    greeting: Buffer.from("P"),
    piece: (nth) => Buffer.from("RI * HTTP/2.0\r\n\r\nSM\r\n\r\n".slice(nth, nth + 1)),
    pauseMs: 1000,
    units: 1,
  },
  {
    name: "idle-connections",
    sent: "nothing, over 5,000 connections",
    connections: 5000,
    seconds: 6,
  },
  {
    name: "half-close",
    sent: "good calls, the own half closed behind each",
    connections: 20,
    first: ({ token }) =>
      Buffer.concat([
        frame(HEADERS, OPEN, 1, introduced(unary, token)),
        frame(DATA, 1, 1, grpcFrame("x")),
      ]),
    closesHalf: true,
  },
];

function hugeHead(id: number): Buffer {
  const fields = Array.from({ length: 86 }, (_, nth): [string, string] => [
    `x-${id}-${nth}`,
    "y".repeat(500),
  ]);
  const bytes = Buffer.concat([without, block(...fields)]);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) {
    const part = bytes.subarray(at, at + 16_384);
    const isLast = at + 16_384 >= bytes.length;
    const flags = (at === 0 ? 1 : 0) | (isLast ? 4 : 0);
    parts.push(frame(at === 0 ? HEADERS : CONTINUATION, flags, id, part));
  }
  return Buffer.concat(parts);
}

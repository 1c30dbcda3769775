import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { ErrorCodes } from "../../../src/http2/error-code.ts";
import { Flag, FrameType, PREFACE, Setting } from "../../../src/http2/frames.ts";
import { block, frame, RawPeer, request, settings, uint32 } from "../../http2/raw-peer.ts";
import { grpcFrame, RawClient } from "../../raw-http2.ts";
import { googleClaims, TokenMaker } from "../../token-maker.ts";
import type { KeyRing } from "./key-ring.ts";

export interface Attacked {
  readonly url: URL;
  readonly audience: string;
  readonly keys: KeyRing;
  readonly nowMs: () => number;
}

export interface Attack {
  readonly name: string;
  /** Resolves when it is over and its connections are closed; rejects when the gateway took it as it should not. */
  run(attacked: Attacked): Promise<void>;
}

const path = "/acme.inventory.v1.InventoryService/GetItem";
const { HEADERS, RST_STREAM, PING, CONTINUATION, WINDOW_UPDATE, DATA } = FrameType;
/** Frames of one flood: several times what the limits let through. */
const FLOOD = 20_000;
const SILENT_CONNECTIONS = 100;

const floods: Readonly<Record<string, (nth: number) => Uint8Array>> = {
  "rapid reset": (nth) => Buffer.concat([open(nth), frame(RST_STREAM, 0, nth * 2 + 1, uint32(8))]),
  "made you reset": (nth) =>
    Buffer.concat([open(nth), frame(WINDOW_UPDATE, 0, nth * 2 + 1, uint32(0))]),
  "PING flood": () => frame(PING, 0, 0, Buffer.alloc(8)),
  "SETTINGS flood": () => settings([Setting.INITIAL_WINDOW_SIZE, 65_535]),
  "CONTINUATION flood": (nth) =>
    nth === 0 ? frame(HEADERS, 0, 1, block(...request)) : frame(CONTINUATION, 0, 1),
  "empty DATA flood": (nth) => (nth === 0 ? open(0) : frame(DATA, 0, 1)),
};

/** What a gateway at the edge meets, one after the other. */
export const attacks: readonly Attack[] = [
  ...Object.entries(floods).map(([name, flood]) => ({
    name,
    async run({ url }: Attacked) {
      await using peer = await RawPeer.connect(Number(url.port));
      peer.send(...Array.from({ length: FLOOD }, (_, nth) => flood(nth)));
      const code = await peer.goaway();
      assert.ok(code !== undefined && code !== ErrorCodes.NO_ERROR, `${name} ended with ${code}`);
    },
  })),
  {
    name: "tokens that are not good",
    async run({ url, audience, keys, nowMs }) {
      await using client = new RawClient(url);
      const good = googleClaims(nowMs(), audience);
      const stranger = new TokenMaker("key-1");
      const unsigned = keys.mint(audience, nowMs()).replace(/[^.]*$/, "");
      const tokens = [
        "",
        "no.token.at-all",
        unsigned,
        stranger.mint(good),
        stranger.mint(good, { alg: "none" }),
        stranger.mint(good, { kid: "nobody" }),
        keys.mint(audience, nowMs() - 24 * 3_600_000),
        keys.mint("https://elsewhere.example", nowMs()),
        "x".repeat(50_000),
      ];
      for (const token of tokens) {
        const answer = await client.call({ ":path": path, authorization: `Bearer ${token}` });
        assert.match(String(answer.headers["grpc-status"]), /^(7|16)$/);
      }
    },
  },
  {
    name: "connections that say nothing, or half a preface",
    async run({ url }) {
      const sockets = Array.from({ length: SILENT_CONNECTIONS }, () =>
        net.connect(Number(url.port), "127.0.0.1"),
      );
      await Promise.all(sockets.map((socket) => once(socket, "connect")));
      for (const socket of sockets.slice(SILENT_CONNECTIONS / 2))
        socket.write(PREFACE.subarray(0, 9));
      await Promise.all(
        sockets.map((socket) => {
          const closed = once(socket, "close");
          socket.destroy();
          return closed;
        }),
      );
    },
  },
  {
    name: "callers who leave in the middle",
    async run({ url, audience, keys }) {
      const client = new RawClient(url);
      const authorization = `Bearer ${keys.token(audience)}`;
      const left = Array.from({ length: 20 }, () =>
        client.call({ ":path": path, authorization }, grpcFrame("x".repeat(100_000))),
      );
      await once(client.session, "remoteSettings");
      await client[Symbol.asyncDispose]();
      await Promise.all(left);
    },
  },
];

/** HEADERS of the nth exchange of a connection, request open. */
function open(nth: number): Buffer {
  return frame(HEADERS, Flag.END_HEADERS, nth * 2 + 1, block(...request));
}

import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";

import { block, frame, RawPeer, request, settings } from "../../test/http2/raw-peer.ts";
import { callpathEngine } from "./engine.ts";
import type { Exchange } from "./exchange.ts";
import { Flag, FrameType, Setting } from "./frames.ts";
import { defaultLimits } from "./limits.ts";
import { startHttpServer } from "./server.ts";

const { HEADERS, DATA, GOAWAY, RST_STREAM, PING } = FrameType;
const { field } = callpathEngine;

describe("what was sent before the peer knew", () => {
  it("DATA of as many open requests as there may be, all answered early at once, costs the connection nothing", async () => {
    const open: Exchange<undefined>[] = [];
    await using server = await startHttpServer<undefined>({
      host: "127.0.0.1",
      port: 0,
      engine: callpathEngine,
      limits: defaultLimits,
      drainMs: 0,
      handler: {
        onHead(exchange) {
          open.push(exchange);
          if (open.length < defaultLimits.streams) return;
          for (const one of open) one.head([field(":status", "503")], true);
        },
        onData: (exchange, bytes) => exchange.release(bytes.length),
        onTrailers() {},
        onDrain() {},
        onClose() {},
        onEnd() {},
      },
    });
    await using peer = await RawPeer.connect(server.port);
    const ids = Array.from({ length: defaultLimits.streams }, (_, nth) => nth * 2 + 1);
    for (const id of ids) peer.send(frame(HEADERS, Flag.END_HEADERS, id, block(...request)));
    await peer.until(({ type, id }) => type === RST_STREAM && id === ids.at(-1));
    for (const id of ids) peer.send(frame(DATA, 0, id, Buffer.from("late")));
    await peer.settled();
    assert.equal(peer.frames.filter(({ type }) => type === RST_STREAM).length, ids.length);
    assert.equal(peer.frames.filter(({ type }) => type === GOAWAY).length, 0);
  });

  it("SETTINGS that say one thing thousands of times cost as much as saying it once", async () => {
    await using server = await startHttpServer<undefined>({
      host: "127.0.0.1",
      port: 0,
      engine: callpathEngine,
      limits: defaultLimits,
      drainMs: 0,
      handler: {
        onHead() {},
        onData() {},
        onTrailers() {},
        onDrain() {},
        onClose() {},
        onEnd() {},
      },
    });
    await using peer = await RawPeer.connect(server.port);
    for (let nth = 0; nth < defaultLimits.streams; nth++) {
      peer.send(frame(HEADERS, Flag.END_HEADERS, nth * 2 + 1, block(...request)));
    }
    await peer.settled();
    const many = settings(
      ...Array.from({ length: 2700 }, (_, nth): [number, number] => [
        Setting.INITIAL_WINDOW_SIZE,
        1000 + nth,
      ]),
    );
    const before = process.cpuUsage();
    for (let nth = 0; nth < 40; nth++) peer.send(many);
    await peer.settled();
    const ms = process.cpuUsage(before).user / 1000;
    assert.ok(ms < 400, `${ms} ms for 40 frames`);
    assert.ok(peer.frames.some(({ type }) => type === PING));
  });
});

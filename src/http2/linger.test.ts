import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { frame, settings } from "../../test/http2/raw-peer.ts";
import { Recorder } from "../../test/http2/recorder.ts";
import { Connection } from "./connection.ts";
import { callpathEngine } from "./engine.ts";
import { FrameType, PREFACE } from "./frames.ts";
import { defaultLimits } from "./limits.ts";

/** Takes all that is written to it, and says nothing. */
class Listener extends Duplex {
  readonly remoteAddress = "127.0.0.1";
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
}

describe("a connection that is over", () => {
  it("limits.lingerBytes: drops what still comes, and is gone when that does not end", () => {
    const socket = new Listener();
    const limits = { ...defaultLimits, lingerBytes: 100_000 };
    const callee = new Recorder();
    const session = callpathEngine.serve(socket as unknown as Socket, undefined, limits, callee);
    assert.ok(session instanceof Connection);
    session.read(Buffer.concat([PREFACE, settings()]));
    session.read(frame(FrameType.PING, 0, 0, Buffer.alloc(7)));
    assert.equal(socket.writableEnded, true, "GOAWAY, and the own half is closed");
    session.read(Buffer.alloc(100_000));
    assert.equal(socket.destroyed, false, "or the peer would not read why");
    session.read(Buffer.alloc(1));
    assert.equal(socket.destroyed, true);
  });
});

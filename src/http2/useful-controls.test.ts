import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startAttacked } from "../../test/http2/attacked.ts";
import { block, frame, request, uint32 } from "../../test/http2/raw-peer.ts";
import { Flag, FrameType } from "./frames.ts";

const { HEADERS, DATA, PING, WINDOW_UPDATE } = FrameType;

describe("limits.controls", () => {
  it("what answers DATA is no flood: gRPC's own clients send two WINDOW_UPDATEs and a PING to each", async () => {
    await using attacked = await startAttacked({ controls: { burst: 50, perSecond: 0 } });
    const peer = await attacked.attacker();
    for (let nth = 0; nth < 200; nth++) {
      const id = nth * 2 + 1;
      const head = block(...request, ["size", "10"]);
      peer.send(frame(HEADERS, Flag.END_STREAM | Flag.END_HEADERS, id, head));
      await peer.until((one) => one.type === DATA && one.id === id);
      peer.send(
        frame(WINDOW_UPDATE, 0, 0, uint32(10)),
        frame(WINDOW_UPDATE, 0, id, uint32(10)),
        frame(PING, 0, 0, Buffer.alloc(8)),
      );
    }
    await peer.settled();
    assert.equal(peer.frames.filter(({ type }) => type === FrameType.GOAWAY).length, 0);
  });
});

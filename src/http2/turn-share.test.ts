import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Attacked, startAttacked } from "../../test/http2/attacked.ts";
import { block, frame, type RawPeer, request } from "../../test/http2/raw-peer.ts";
import { Flag, FrameType } from "./frames.ts";
import { Turn } from "./turn.ts";
import { TurnShare } from "./turn-share.ts";

const { HEADERS, DATA } = FrameType;
const END = Flag.END_STREAM | Flag.END_HEADERS;

function asks(count: number): Buffer {
  const whole = block(...request);
  return Buffer.concat(
    Array.from({ length: count }, (_, nth) => frame(HEADERS, END, nth * 2 + 1, whole)),
  );
}

/** The flood is served, but not before what another connection asks meanwhile. */
async function assertShared(attacked: Attacked, peer: RawPeer, flood: Buffer): Promise<void> {
  await attacked.callWell(1);
  peer.send(flood);
  // The first of the flood has come: the rest of it lies in the same buffer.
  await attacked.callee.nth(1);
  await attacked.callWell(1);
  assert.ok(attacked.callee.all.length < 300, `${attacked.callee.all.length} calls came first`);
  await peer.settled();
}

describe("limits.turnWork", () => {
  it("calls beyond it wait for the next turn, and others are served between", async () => {
    await using attacked = await startAttacked({ turnWork: 200 });
    const peer = await attacked.attacker();
    await assertShared(attacked, peer, asks(900));
    assert.equal(attacked.callee.all.length, 902);
    await attacked.atRest();
  });

  it("data in small frames likewise, and none is lost", async () => {
    await using attacked = await startAttacked({ turnWork: 200 });
    const peer = await attacked.attacker();
    const drop = frame(DATA, 0, 1, Buffer.from("x"));
    peer.send(
      frame(HEADERS, Flag.END_HEADERS, 1, block(...request)),
      ...Array.from({ length: 3000 }, () => drop),
      frame(DATA, Flag.END_STREAM, 1),
    );
    const seen = await attacked.callee.nth(0);
    await attacked.callWell(1);
    assert.ok(seen.bytes < 3000, "all of it came in one turn");
    assert.equal(await seen.closed(), 0);
    assert.equal(seen.bytes, 3000);
    await attacked.atRest();
  });

  it("what a call costs its handler counts too", async () => {
    await using attacked = await startAttacked(
      { turnWork: 8192 },
      { onHead: (exchange) => exchange.session.charge?.(4000) },
    );
    const peer = await attacked.attacker();
    await assertShared(attacked, peer, asks(900));
    await attacked.atRest();
  });

  it("a connection that ends while its bytes wait takes nothing with it", async () => {
    await using attacked = await startAttacked({ turnWork: 50 });
    const peer = await attacked.attacker();
    peer.send(asks(900));
    await attacked.callee.nth(0);
    peer.socket.destroy();
    await attacked.callWell();
    await attacked.atRest();
  });

  it("many connections that use theirs up leave the others a part of it", async () => {
    const turn = new Turn();
    const shares = Array.from({ length: 20 }, () => new TurnShare(turn, 320));
    const spent = shares.map((share) => {
      share.renew();
      let work = 0;
      for (; !share.isUsedUp; work++) share.spend(1);
      share.settle();
      return work;
    });
    assert.deepEqual(spent, [...Array(16).fill(320), ...Array(4).fill(10)]);
    shares[0]?.renew();
    assert.equal(shares[0]?.isUsedUp, true, "one share a turn");
    await nextTurn();
    shares[0]?.renew();
    assert.equal(shares[0]?.isUsedUp, false);
  });
});

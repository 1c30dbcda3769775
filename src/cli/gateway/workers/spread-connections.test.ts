import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, it } from "node:test";
import { ConnectionSpread, type Taker } from "./spread-connections.ts";

class Counter implements Taker {
  connections = 0;
  hand(): void {
    this.connections++;
  }
}

describe("ConnectionSpread", () => {
  it("gives each connection to who has the fewest", () => {
    const takers = [new Counter(), new Counter(), new Counter()];
    using spread = new ConnectionSpread(() => takers);
    for (let given = 0; given < 9; given++) spread.give(new Socket());
    assert.deepEqual(
      takers.map(({ connections }) => connections),
      [3, 3, 3],
    );
    for (const taker of takers.slice(0, 2)) taker.connections = 0;
    for (let given = 0; given < 6; given++) spread.give(new Socket());
    assert.deepEqual(
      takers.map(({ connections }) => connections),
      [3, 3, 3],
    );
  });

  it("goes round among equals, so that connections of one call each reach all", () => {
    const takers = [new Counter(), new Counter()];
    const taken = [0, 0];
    using spread = new ConnectionSpread(() => takers);
    for (let given = 0; given < 10; given++) {
      spread.give(new Socket());
      takers.forEach((taker, at) => {
        taken[at] = (taken[at] ?? 0) + taker.connections;
        taker.connections = 0;
      });
    }
    assert.deepEqual(taken, [5, 5]);
  });

  it("holds connections while there is nobody, up to its bound; those that close are forgotten", async () => {
    const takers: Counter[] = [];
    using spread = new ConnectionSpread(() => takers);
    const sockets = Array.from({ length: 1_025 }, () => new Socket());
    for (const socket of sockets) spread.give(socket);
    assert.deepEqual(
      sockets.flatMap(({ destroyed }, at) => (destroyed ? at : [])),
      [1_024],
    );
    const [first] = sockets;
    const closed = new Promise((resolve) => first?.once("close", resolve));
    first?.destroy();
    await closed;
    takers.push(new Counter());
    spread.retry();
    assert.equal(takers[0]?.connections, 1_023);
  });

  it("closes those that wait when it is disposed", () => {
    const socket = new Socket();
    const spread = new ConnectionSpread(() => []);
    spread.give(socket);
    spread[Symbol.dispose]();
    assert.equal(socket.destroyed, true);
  });
});

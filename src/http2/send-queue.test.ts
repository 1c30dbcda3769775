import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SendQueue } from "./send-queue.ts";

describe("SendQueue", () => {
  it("keeps a copy of a small view, so that the buffer it was read into can go", () => {
    const read = Buffer.alloc(64 * 1024, 7);
    const queue = new SendQueue();
    queue.push(read.subarray(0, 10));
    assert.equal(queue.chunk?.buffer.byteLength, 10);
    read.fill(0);
    assert.deepEqual([...(queue.chunk ?? [])], Array(10).fill(7));
  });

  it("keeps a large view as it is", () => {
    const read = Buffer.alloc(64 * 1024);
    const queue = new SendQueue();
    queue.push(read.subarray(0, 60 * 1024));
    assert.equal(queue.chunk?.buffer, read.buffer);
    assert.equal(queue.bytes, 60 * 1024);
  });
});

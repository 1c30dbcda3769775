import { describe, it } from "node:test";
import { checkMemory } from "./check-memory.ts";

describe("10,000 calls, then idle", () => {
  it("the heap is what it was after the first 1,000, and a second 10,000 adds nothing", async () => {
    await checkMemory("callpath");
  });
});

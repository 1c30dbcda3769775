import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { asCpuProfile, digestAllocations, digestProfile } from "./profile-areas.ts";

const frame = (id: number, functionName: string, url: string) => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
});

describe("digestProfile", () => {
  it("sums self time by area and by function, idle time apart", () => {
    const digest = digestProfile({
      nodes: [
        frame(1, "(idle)", ""),
        frame(2, "(garbage collector)", ""),
        frame(3, "decode", "file:///a/src/http2/hpack/decoder.ts"),
        frame(4, "decide", "file:///a/src/gateway/decide/decide.ts"),
        frame(5, "decode", "file:///a/src/http2/hpack/decoder.ts"),
        frame(6, "writev", ""),
      ],
      samples: [1, 3, 2, 5, 4, 6],
      timeDeltas: [1000, 30, 10, 40, 5, 15],
    });
    assert.equal(digest.total, 100);
    assert.deepEqual(digest.areas, [
      { name: "http2: hpack", amount: 70 },
      { name: "builtins and bindings (writev, Map, …)", amount: 15 },
      { name: "garbage collection", amount: 10 },
      { name: "decide", amount: 5 },
    ]);
    assert.deepEqual(digest.functions[0], {
      name: "decode src/http2/hpack/decoder.ts:10",
      amount: 70,
    });
  });
});

describe("digestAllocations", () => {
  it("walks the whole tree", () => {
    const leaf = { ...frame(2, "map", ""), selfSize: 30, children: [] };
    const inner = {
      ...frame(1, "copy", "file:///a/src/http2/relay.ts"),
      selfSize: 50,
      children: [leaf, leaf],
    };
    assert.deepEqual(digestAllocations({ head: { ...inner, children: [inner] } }).areas, [
      { name: "http2: relay", amount: 100 },
      { name: "builtins and bindings (writev, Map, …)", amount: 60 },
    ]);
  });
});

describe("asCpuProfile", () => {
  it("refuses what is no profile", () => {
    assert.throws(() => asCpuProfile({ nodes: [] }), /no CPU profile/);
  });
});

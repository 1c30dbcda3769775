import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { asCpuProfile, digestProfile } from "./profile-areas.ts";

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
    assert.equal(digest.busyUs, 100);
    assert.deepEqual(digest.areas, [
      { name: "http2: hpack", us: 70 },
      { name: "builtins and bindings (writev, Map, …)", us: 15 },
      { name: "garbage collection", us: 10 },
      { name: "decide", us: 5 },
    ]);
    assert.deepEqual(digest.functions[0], { name: "decode src/http2/hpack/decoder.ts:10", us: 70 });
  });
});

describe("asCpuProfile", () => {
  it("refuses what is no profile", () => {
    assert.throws(() => asCpuProfile({ nodes: [] }), /no profile/);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseH2load } from "./h2load.ts";

const said = (finished: string, requests: string, data: number) => `
finished in ${finished}, 20943.00 req/s, 272.80KB/s
requests: 400 total, 400 started, ${requests}, 0 timeout
status codes: 400 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 272.80KB (279345) total, 82.25KB (84228) headers (space savings 97.65%), 9KB (${data}) data
`;
const unary = { kind: "unary", bytes: 12 } as const;

describe("parseH2load", () => {
  it("counts calls that got their data, and reads each unit of time", () => {
    const text = said("1.50s", "400 done, 400 succeeded, 0 failed, 0 errored", 400 * 17);
    assert.deepEqual(parseH2load(text, unary), { done: 400, failed: 0, failure: "", seconds: 1.5 });
    assert.equal(parseH2load(text.replace("1.50s", "500.00ms"), unary).seconds, 0.5);
  });

  it("takes a success without its data for a refusal in gRPC's form", () => {
    const text = said("1.5s", "400 done, 400 succeeded, 0 failed, 0 errored", 390 * 17);
    assert.partialDeepStrictEqual(parseH2load(text, unary), { done: 390, failed: 10 });
  });

  it("expects a hundred messages of a stream", () => {
    const text = said("1.5s", "400 done, 400 succeeded, 0 failed, 0 errored", 400 * 17);
    assert.partialDeepStrictEqual(parseH2load(text, { kind: "stream", bytes: 12 }), { done: 4 });
  });

  it("counts what failed on the way", () => {
    const text = said("1.5s", "398 done, 395 succeeded, 3 failed, 2 errored", 395 * 17);
    assert.partialDeepStrictEqual(parseH2load(text, unary), { done: 395, failed: 5 });
  });

  it("says so when it cannot read the figures", () => {
    assert.throws(() => parseH2load("h2load: no such option", unary), /no such option/);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseWorkloads, heldTo } from "./workloads.ts";

const none = { all: false, quick: false, profile: false, only: [] };
const names = (options: Partial<Parameters<typeof chooseWorkloads>[0]>) =>
  chooseWorkloads({ ...none, ...options }).map(({ name }) => name);

describe("chooseWorkloads", () => {
  it("takes what the gateway is held to, and of a profile the two that tell most", () => {
    assert.deepEqual(
      names({}),
      heldTo.map(({ name }) => name),
    );
    assert.deepEqual(names({ profile: true }), ["unary-4x100", "unary-1x1"]);
  });

  it("has each kind x connections x in flight x h2c and TLS once with --all", () => {
    const all = names({ all: true });
    assert.equal(new Set(all).size, all.length);
    for (const tls of ["", "tls-"])
      for (const kind of ["unary", "unary-64k", "stream", "bidi"])
        for (const at of ["1x1", "1x10", "1x100", "4x1", "4x10", "4x100"])
          assert.ok(all.includes(`${tls}${kind}-${at}`), `${tls}${kind}-${at}`);
  });

  it("takes a whole name for that one, a part of one for all that contain it", () => {
    assert.deepEqual(names({ only: ["unary-4x100"] }), ["unary-4x100"]);
    assert.deepEqual(names({ only: ["grpc-"] }), ["grpc-go-4x25", "grpc-js-1x50"]);
    assert.deepEqual(names({ only: ["memory"] }), []);
  });

  it("leaves out with --quick who is in no goal", () => {
    const [first] = chooseWorkloads({ ...none, quick: true });
    assert.deepEqual(first?.targets, ["callpath", "envoy"]);
  });
});

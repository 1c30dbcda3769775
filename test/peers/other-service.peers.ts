import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { callByGrpcurl } from "./grpcurl.ts";
import { LocalDev } from "./local-dev.ts";

const service = "acme.inventory.v1.InventoryService";

describe("callpath dev of another service, called by grpcurl", () => {
  let dev: LocalDev;
  before(async () => {
    dev = await LocalDev.start("test/other-service");
  });
  after(() => dev[Symbol.asyncDispose]());

  /** The messages that came back, or why none did. */
  async function call(method: string, ...messages: readonly object[]): Promise<unknown[]> {
    const { code, stdout, output } = await callByGrpcurl(dev, `${service}/${method}`, ...messages);
    assert.equal(code, 0, output);
    return stdout.split(/^(?=\{)/m).map((json): unknown => JSON.parse(json));
  }

  it("answers a unary RPC", async () => {
    assert.partialDeepStrictEqual(await call("GetItem", { sku: "nail" }), [
      { item: { sku: "nail", quantity: "9007199254740993" } },
    ]);
  });

  it("answers a server-streaming RPC", async () => {
    const items = await call("ListItems", { kind: "ITEM_KIND_TOOL" });
    assert.equal(items.length, 2);
    assert.partialDeepStrictEqual(items, [{ item: { sku: "hammer" } }, { item: { sku: "saw" } }]);
  });

  it("answers a client-streaming RPC", async () => {
    const items = [{ item: { quantity: 3 } }, { item: { quantity: 4 } }];
    assert.partialDeepStrictEqual(await call("AddItems", ...items), [
      { messages: 2, quantity: "7" },
    ]);
  });

  it("answers a bidirectional RPC", async () => {
    assert.partialDeepStrictEqual(await call("TrackItems", { sku: "saw" }, { sku: "none" }), [
      { item: { sku: "saw" } },
      { missingSku: "none" },
    ]);
  });

  it("says its own status and message", async () => {
    const { output } = await callByGrpcurl(dev, `${service}/GetItem`, { sku: "none" });
    assert.match(output, /Code: NotFound\n\s*Message: no item none/);
  });
});

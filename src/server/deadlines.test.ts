import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@connectrpc/connect";
import { answerOf, callRaw, connectRaw, framed, grpc } from "./raw-client-fixture.test.ts";
import { serving, startTestServer } from "./server-fixture.test.ts";

const service = "acme.inventory.v1.InventoryService";

describe("deadlines", () => {
  const hanging = serving({
    getItem: () => new Promise(() => {}),
    async *listItems() {
      yield {};
      await new Promise(() => {});
    },
  });

  for (const [what, options, headers] of [
    ["grpc-timeout", {}, ["grpc-timeout", "30m"]],
    ["the server's own maximum, without a deadline", { maxCallMs: 30 }, []],
    [
      "the server's own maximum, where the deadline is later",
      { maxCallMs: 30 },
      ["grpc-timeout", "99999999H"],
    ],
  ] as const)
    for (const method of ["GetItem", "ListItems"])
      it(`${what} ends a ${method} that never ends by itself with 4`, async () => {
        await using server = await startTestServer({ routes: hanging, ...options });
        await using client = await connectRaw(server.url);
        const stream = client.open(`/${service}/${method}`, [...grpc, ...headers]);
        stream.end(framed(Buffer.alloc(0)));
        const answer = await answerOf(stream);
        assert.equal(answer.grpcStatus, Code.DeadlineExceeded);
        assert.equal(answer.isTrailersOnly, method === "GetItem");
      });

  it("a deadline of years is no deadline of a millisecond", async () => {
    await using server = await startTestServer();
    for (const timeout of ["99999999H", "99999999M", "99999999S"])
      assert.equal((await callRaw(server.url, ["grpc-timeout", timeout])).grpcStatus, 0);
  });

  it("a malformed one is refused", async () => {
    await using server = await startTestServer();
    const { grpcStatus } = await callRaw(server.url, ["grpc-timeout", "soon"]);
    assert.equal(grpcStatus, Code.InvalidArgument);
  });
});

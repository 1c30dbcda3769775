import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { EchoServer } from "../gen/es/echo/echo_pb.ts";
import { InventoryService } from "../test/other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";

/** A server program as a process of its own, on a free port. */
async function start(
  folder: string,
  env: Record<string, string> = {},
): Promise<AsyncDisposable & { readonly url: string; readonly child: ChildProcess }> {
  const flags = ["--grpcport", "127.0.0.1:0", "--useMetadata=false"];
  const child = spawn(process.execPath, ["server/main.ts", ...flags], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const entry: { message: string; url: string } = JSON.parse(line);
    if (entry.message !== "listening") continue;
    child.stdout.resume();
    return {
      url: entry.url,
      child,
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await exited;
      },
    };
  }
  throw new Error(`the server ended: ${await exited}`);
}

/** Names and values that are not the protocol's own. */
function custom(headers: Headers): Record<string, string> {
  const own = ["content-type", "date", "grpc-status", "grpc-encoding", "grpc-accept-encoding"];
  return Object.fromEntries([...headers].filter(([name]) => !own.includes(name)));
}

describe("server/main.ts", () => {
  it("replies word for word as the walkthrough's server, headers and trailers too", async () => {
    await using server = await start(".", { K_REVISION: "apiserver-grpc-00001-kow" });
    const transport = createGrpcTransport({ baseUrl: server.url, idleConnectionTimeoutMs: 1 });
    const echo = createClient(EchoServer, transport);
    const seen: Record<string, string>[] = [];
    const options = {
      onHeader: (headers: Headers) => void seen.push(custom(headers)),
      onTrailer: (trailers: Headers) => void seen.push(custom(trailers)),
    };
    const { message } = await echo.sayHello({ name: "Ada" }, options);
    const pattern =
      /^Hello Ada {2}from K_REVISION apiserver-grpc-00001-kow from instanceID ([0-9a-f]{16,})$/;
    assert.match(message, pattern);
    const instanceId = message.match(pattern)?.[1];
    const messages: string[] = [];
    for await (const reply of echo.sayHelloStream({ name: "Ada" }, options))
      messages.push(reply.message);
    assert.deepEqual(messages, [
      `Msg1 Ada from instanceID ${instanceId}`,
      `Msg2 Ada from instanceID ${instanceId}`,
    ]);
    assert.deepEqual(seen, [
      { rpcheaderkey: "val" },
      { rpctrailerkey: "val" },
      { streamheaderkey: "val" },
      { streamtrailerkey: "val" },
    ]);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const)
    it(`ends with 0 on ${signal}, with a client still connected`, async () => {
      await using server = await start(".");
      const transport = createGrpcTransport({ baseUrl: server.url });
      await createClient(EchoServer, transport).sayHello({ name: "Ada" });
      const exited = once(server.child, "exit");
      server.child.kill(signal);
      assert.deepEqual(await exited, [0, null]);
    });

  it("is made for no service alone: the other one serves all four kinds of RPC", async () => {
    await using server = await start("test/other-service");
    const transport = createGrpcTransport({ baseUrl: server.url, idleConnectionTimeoutMs: 1 });
    const inventory = createClient(InventoryService, transport);
    const { item } = await inventory.getItem({ sku: "nail" });
    assert.equal(item?.quantity, 9007199254740993n);
    assert.equal((await Array.fromAsync(inventory.listItems({}))).length, 3);
    const added = await inventory.addItems(
      (async function* () {
        for (const sku of ["a", "b"]) yield { item: { sku, quantity: 2n } };
      })(),
    );
    assert.deepEqual([added.messages, added.quantity], [2, 4n]);
    const tracked = await Array.fromAsync(
      inventory.trackItems(
        (async function* () {
          for (const sku of ["saw", "gold"]) yield { sku };
        })(),
      ),
    );
    assert.deepEqual(
      tracked.map(({ answer }) => answer.case),
      ["item", "missingSku"],
    );
  });
});

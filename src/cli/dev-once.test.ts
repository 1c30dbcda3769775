import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { copyOfTheRoot, runCallpath, startDev } from "./dev-fixture.test.ts";

describe("callpath dev --once", () => {
  const root = copyOfTheRoot();
  const { folder } = root;
  after(() => root[Symbol.dispose]());

  it("shows what runs where, prints every reply, and ends with 0", async () => {
    await using dev = startDev(folder, "--once", "--port-base", "0");
    await dev.stdout.next(
      /^ {2}\.\.\. .*in all 10 SayHello OK, 1 SayHelloStream OK {4}3 instances answered.*RPCs\)$/,
    );
    const text = dev.stdout.all.join("\n");
    assert.match(
      text,
      /^callpath dev {3}echo\.EchoServer {3}everything below runs on this machine\n\n/,
    );
    assert.match(
      text,
      /\n {2}client {7}gateway-client-sa +ID token for grpcs:\/\/grpc-gateway-1\n/,
    );
    assert.match(text, /\n {2}gateway {6}https:\/\/localhost:\d+ +gateway\/api_config\.yaml\n/);
    assert.match(
      text,
      /\n {2}cloud run {4}https:\/\/localhost:\d+ +apiserver-grpc-00001-[a-z]{3}; run\.invoker: gateway-sa only\n/,
    );
    assert.match(text, /\n {2}instances {4}3 x node server\/main\.ts\n/);
    assert.match(text, /\n {2}files {8}\.callpath\/ca\.pem, \.callpath\/gateway-client-sa\.json/);
    assert.match(text, /\n {2}RPC 9 {2}Hello unary RPC msg .*\n/);
    assert.equal(await dev.exited, 0);
    assert.ok(!existsSync(join(folder, ".callpath/dev.json")));
  });

  for (const [what, flags, code, words] of [
    [
      "a client that fails",
      ["--client", "echo no; exit 3"],
      1,
      /the first calls failed: echo no; exit 3: exit code 3/,
    ],
    [
      "a server that is not there",
      ["--server", "nosuchserver"],
      1,
      /the server did not start: it ended with exit code 127: .*nosuchserver/,
    ],
    ["a config that is not there", ["--config", "no.yaml"], 2, /no\.yaml: no such file/],
    [
      "a number of instances that is none",
      ["--instances", "0"],
      2,
      /--instances 0: write a number from 1 to 100/,
    ],
  ] as const)
    it(`ends with ${code} for ${what}`, async () => {
      const always = ["dev", "--once", "--port-base", "0", "--instances", "1"];
      const ran = await runCallpath(folder, [...always, ...flags]);
      assert.match(ran.err, words);
      assert.equal(ran.code, code);
    });

  it("ends with 2 and one line when an asked port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { code, err } = await runCallpath(folder, ["dev", "--port-base", String(port - 1)]);
    assert.equal(
      err.replace(/\d+/, "N"),
      "callpath dev: port N is in use by another program; end it, or choose another --port-base\n",
    );
    assert.equal(code, 2);
    other.close();
    await once(other, "close");
  });

  it("ends at once with 130 at a second signal, children included", async () => {
    const stubborn = `trap '' TERM INT; node server/main.ts & echo "pid $!"; wait; sleep 60`;
    await using dev = startDev(
      folder,
      "--json",
      "--port-base",
      "0",
      "--instances",
      "1",
      "--server",
      stubborn,
    );
    await dev.stdout.next(/Msg2/);
    dev.child.kill("SIGINT");
    // Two signals within a moment count as one: the terminal's and npm's.
    const again = setInterval(() => dev.child.kill("SIGINT"), 50);
    const code = await dev.exited;
    clearInterval(again);
    assert.equal(code, 130);
    assert.ok(!existsSync(join(folder, ".callpath/dev.json")));
  });
});

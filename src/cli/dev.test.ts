import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import type { DevAddresses } from "./dev/dev-state.ts";
import { copyOfTheRoot, type DevProcess, runCallpath, startDev } from "./dev-fixture.test.ts";

describe("callpath dev", () => {
  const root = copyOfTheRoot();
  const { folder } = root;
  let dev: DevProcess;
  let ready: DevAddresses;
  before(async () => {
    const main = join(folder, "server/main.ts");
    writeFileSync(main, `console.log(\`pid \${process.pid}\`);\n${readFileSync(main, "utf8")}`);
    dev = startDev(folder, "--json", "--port-base", "0");
    ready = JSON.parse(await dev.stdout.next(/./)) as DevAddresses;
  });
  after(async () => {
    await dev[Symbol.asyncDispose]();
    root[Symbol.dispose]();
  });

  /** As an editor saves. */
  function save(path: string, change: (text: string) => string): void {
    const file = join(folder, path);
    writeFileSync(`${file}~`, change(readFileSync(file, "utf8")));
    renameSync(`${file}~`, file);
  }
  const call = (...argv: readonly string[]) => runCallpath(folder, ["call", ...argv]);

  it("says where everything is: origins, and null for what is not there", () => {
    const { gateway, run, issuer, metadata, ca, clientKey, ...rest } = ready;
    assert.deepEqual(rest, { event: "ready", controlPlane: null, console: null });
    assert.match(gateway, /^https:\/\/localhost:\d+$/);
    assert.match(run, /^https:\/\/localhost:\d+$/);
    assert.match(issuer, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.match(metadata, /^127\.0\.0\.1:\d+$/);
    assert.match(readFileSync(ca, "utf8"), /BEGIN CERTIFICATE/);
    assert.match(readFileSync(clientKey, "utf8"), new RegExp(`"token_uri": "${issuer}/token"`));
  });

  it("makes the first calls by the project's client: ten unary replies of three instances, and a stream", async () => {
    const told = JSON.parse(await dev.stdout.next(/"first-calls"/)) as object;
    assert.deepEqual(told, { event: "first-calls", rpcs: 11, succeeded: true, instances: 3 });
    const replies = dev.stdout.all
      .join("\n")
      .matchAll(/RPC \d {2}Hello .* from instanceID ([0-9a-f]{16})/g);
    const instances = [...replies].map(([, id]) => id);
    assert.equal(instances.length, 10);
    assert.equal(new Set(instances).size, 3);
  });

  it("is what `call` uses without flags", async () => {
    const { code, out, err } = await call();
    assert.equal(code, 0, err);
    assert.match(
      out,
      /^\{"message":"Hello Ada {2}from K_REVISION apiserver-grpc-00001-[a-z]{3} from instanceID [0-9a-f]{16}"\}\n$/,
    );
    const told = JSON.parse(await dev.stdout.next(/"event":"call"/)) as {
      hops: { hop: string; principal: string }[];
    };
    assert.deepEqual(
      told.hops.map(({ hop, principal }) => [hop, principal.split("@")[0]]),
      [
        ["gateway", "gateway-client-sa"],
        ["cloud-run", "gateway-sa"],
        ["server", "gateway-client-sa"],
      ],
    );
  });

  it("is one a state folder", async () => {
    const second = startDev(folder);
    await using _ = second;
    const line = await second.stderr.next(/./);
    assert.match(
      line,
      /callpath dev runs at https:\/\/localhost:\d+ \(process \d+\) with \.callpath already/,
    );
    assert.equal(await second.exited, 2);
  });

  it("serves a saved server: a new revision, and no call lost", async () => {
    save("server/echo.ts", (text) => text.replace("`Hello ", "`Hi "));
    let reply = (await call()).out;
    while (!reply.includes("Hi Ada")) {
      assert.match(reply, /Hello Ada/);
      reply = (await call()).out;
    }
    assert.match(
      await dev.stderr.next(/saved/),
      /server\/echo\.ts: revision apiserver-grpc-00002-/,
    );
  });

  it("keeps the old revision when the new one does not start, and says why", async () => {
    save("server/echo.ts", (text) => `throw new Error("broken on purpose");\n${text}`);
    assert.match(await dev.stderr.next(/refused/), /server\/echo\.ts: /);
    await dev.stderr.next(/broken on purpose/);
    assert.match((await call()).out, /Hi Ada/);
    save("server/echo.ts", (text) => text.slice(text.indexOf("\n") + 1));
    await dev.stderr.next(/saved/);
  });

  it("keeps the old service when a proto is broken, and generates one that is not", async () => {
    const proto = "proto/echo/echo.proto";
    save(proto, (text) => `${text}\nmessage {\n`);
    assert.match(await dev.stderr.next(/refused/), /proto\/echo\/echo\.proto:\d+:\d+:/);
    assert.match((await call()).out, /Hi Ada/);
    save(proto, (text) =>
      text
        .replace("\nmessage {\n", "")
        .replace("string name = 1;", "string name = 1;\n  string title = 2;"),
    );
    await dev.stderr.next(/saved.*echo\.proto: revision/);
    assert.match(readFileSync(join(folder, "gen/es/echo/echo_pb.ts"), "utf8"), /title/);
    const { code, err } = await call(
      "echo.EchoServer/SayHello",
      '{"name":"Ada","title":"Countess"}',
    );
    assert.equal(code, 0, err);
  });

  it("serves a saved config, and keeps the old one when it is broken", async () => {
    const config = "gateway/api_config.yaml";
    save(config, (text) => text.replace("apis:", "apiz:"));
    assert.match(await dev.stderr.next(/apiz/), /gateway\/api_config\.yaml:\d+:\d+: error/);
    assert.equal((await call()).code, 0);
    save(config, (text) =>
      text.replace("apiz:", "apis:").replace("grpcs://grpc-gateway-1", "grpcs://other"),
    );
    await dev.stderr.next(/saved.*api_config\.yaml: the gateway serves it/);
    const old = await call("--audience", "grpcs://grpc-gateway-1");
    assert.match(old.err, /PERMISSION_DENIED.*Audiences in Jwt are not allowed/);
    assert.match(old.err, /fix +npx callpath call .* --audience grpcs:\/\/other/);
  });

  it("tells the whole path of a refusal of the server, by file and line", async () => {
    const { code, err } = await call("--as", "eve@elsewhere.iam.gserviceaccount.com");
    assert.equal(code, 1);
    assert.match(err, /^PERMISSION_DENIED {2}not allowed to call echo\.EchoServer\.SayHello\n/);
    assert.match(err, /client -> gateway ok -> cloud run ok -> server x\n/);
    assert.match(
      err,
      /eve@elsewhere\.iam\.gserviceaccount\.com is not in server\/access\.yaml:\d+/,
    );
    assert.match(err, /or call as gateway-client-sa/);
  });

  it("lets a saved access.yaml hold at once", async () => {
    const eve = "serviceAccount:eve@elsewhere.iam.gserviceaccount.com";
    save("server/access.yaml", (text) => text.replace("allow:", `allow:\n      - ${eve}`));
    await dev.stderr.next(/server\/access\.yaml changed/);
    // Each instance looks for itself.
    let answer = await call("--as", "eve@elsewhere.iam.gserviceaccount.com");
    while (answer.code !== 0) answer = await call("--as", "eve@elsewhere.iam.gserviceaccount.com");
    assert.match(answer.out, /Hi Ada/);
  });

  it("ends within 8 s at SIGTERM, with 0, and leaves nothing behind", async () => {
    const started = [...dev.stderr.all.join("\n").matchAll(/server {2}pid (\d+)/g)];
    const pids = started.map(([, pid]) => Number(pid));
    assert.ok(pids.length >= 3);
    const signalledAtMs = performance.now();
    dev.child.kill("SIGTERM");
    assert.equal(await dev.exited, 0);
    assert.ok(performance.now() - signalledAtMs < 8000);
    assert.deepEqual(pids.filter(isAlive), []);
    assert.ok(!existsSync(join(folder, ".callpath/dev.json")));
    await assert.rejects(fetch(ready.issuer));
  });
});

/** The dead whom nobody buries do not count: some containers have no init that would. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    // Alive, on a system without /proc.
    return (error as NodeJS.ErrnoException).code === "ENOENT" && !existsSync("/proc/self");
  }
}

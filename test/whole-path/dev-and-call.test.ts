import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import tls from "node:tls";
import type { DevAddresses } from "../../src/cli/dev/dev-state.ts";
import { runCallpath } from "../../src/cli/dev-fixture.test.ts";
import { RawClient } from "../raw-http2.ts";
import { arrived, type HeldCall, holdStream, holdUnary } from "./held-calls.ts";
import { clientAccount, gatewayAudience } from "./local-cloud.ts";
import { descendantsOf, runningOf } from "./process-table.ts";
import { type FreshMachine, freshMachine, type RunningProgram, startCallpath } from "./program.ts";
import { endOf } from "./refusal.ts";
import { echoService, services } from "./services.ts";

/** Everything is gone so long after SIGTERM, milliseconds. */
const END_MS = 8_000;
const eve = "eve@elsewhere.iam.gserviceaccount.com";

describe("callpath dev, and call beside it", { concurrency: true }, () => {
  for (const service of services) {
    const { folder, typeName, unary } = service;
    const selector = unary.path.slice(1).replace("/", ".");

    describe(typeName, { concurrency: 1 }, () => {
      let machine: FreshMachine;
      let dev: RunningProgram;
      let ready: DevAddresses & { readonly event: string };
      before(async () => {
        machine = freshMachine();
        dev = startCallpath(["dev", "--json", "--port-base", "0", "--state", machine.state], {
          cwd: folder,
          // A first start writes down what it compiled when it ends, as fast as the disk is.
          env: { ...machine.env, NODE_DISABLE_COMPILE_CACHE: "1" },
        });
        ready = JSON.parse(await dev.out.line(/./));
      });
      after(async () => {
        await dev[Symbol.asyncDispose]();
        machine[Symbol.dispose]();
      });

      /** `callpath ARGV` in the project's folder, as its user would type it beside this dev. */
      const callpath = (...argv: readonly string[]) =>
        runCallpath(folder, [...argv, "--state", machine.state]);
      /** A line that says `npx callpath …`, typed. */
      const type = (line: string) => {
        const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(
          ([, quoted, bare]) => quoted ?? bare,
        );
        const [npx, program, ...argv] = words.map(String);
        assert.deepEqual([npx, program], ["npx", "callpath"]);
        return runCallpath(folder, argv);
      };

      it("--json: the first line says where everything is, and everything is there", async () => {
        assert.deepEqual(Object.keys(ready), [
          "event",
          "gateway",
          "run",
          "issuer",
          "metadata",
          "controlPlane",
          "console",
          "ca",
          "clientKey",
        ]);
        assert.equal(ready.event, "ready");
        assert.deepEqual([ready.controlPlane, ready.console], [null, null]);
        const ca = readFileSync(ready.ca, "utf8");
        for (const origin of [ready.gateway, ready.run]) {
          assert.equal(new URL(origin).origin, origin);
          const { port, hostname } = new URL(origin);
          const socket = tls.connect({
            host: hostname,
            port: Number(port),
            servername: hostname,
            ca,
          });
          await once(socket, "secureConnect");
          assert.ok(socket.authorized);
          socket.destroy();
        }
        const keys = await fetch(`${ready.issuer}/oauth2/v3/certs`);
        assert.ok(Array.isArray(((await keys.json()) as { keys: unknown }).keys));
        const email = await fetch(
          `http://${ready.metadata}/computeMetadata/v1/instance/service-accounts/default/email`,
          { headers: { "metadata-flavor": "Google" } },
        );
        assert.equal(await email.text(), clientAccount);
        const key = JSON.parse(readFileSync(ready.clientKey, "utf8"));
        assert.partialDeepStrictEqual(key, {
          type: "service_account",
          client_email: clientAccount,
          token_uri: `${ready.issuer}/token`,
        });
      });

      it("call without flags makes the project's own call", async () => {
        const { code, out, err } = await callpath("call");
        assert.equal(code, 0, err);
        assert.match(out, /^\{.*[0-9a-f]{16}.*\}\n$/);
      });

      it("a wrong audience is the gateway's refusal, told rule by rule; what its fix says works", async () => {
        const refused = await callpath("call", "--audience", "https://wrong");
        assert.equal(refused.code, 1);
        assert.equal(refused.out, "");
        const [head, ...story] = refused.err.split("\n");
        assert.equal(
          head,
          'PERMISSION_DENIED  {"code":403,"message":"Audiences in Jwt are not allowed"}',
        );
        const config = readFileSync(join(folder, "gateway/api_config.yaml"), "utf8").split("\n");
        const line = config.findIndex((text) => text.includes("audiences:")) + 1;
        assertStory(story, [
          /^ {2}client -> gateway x {2,}cloud run and the server never saw this call$/,
          new RegExp(`^ +route +${selector.replaceAll(".", "\\.")} +ok$`),
          /^ +issuer +https:\/\/accounts\.google\.com +ok$/,
          /^ +time +(59|60) min left +ok$/,
          new RegExp(
            `^ +audience +https://wrong +refused +gateway/api_config\\.yaml:${line}:\\d+ accepts grpcs://grpc-gateway-1$`,
          ),
          /^ +signature +not looked at: API Gateway checks the audience first$/,
          /^ {2}fix {3}npx callpath call .* --audience grpcs:\/\/grpc-gateway-1\b/,
        ]);
        const fix = story.find((text) => text.includes("fix"))?.replace(/^ +fix +/, "") ?? "";
        const fixed = await type(fix);
        assert.equal(fixed.code, 0, fixed.err);
      });

      it("any Google token passes the gateway, and the server refuses whom access.yaml does not name", async () => {
        const { code, out, err } = await callpath("call", "--as", eve);
        assert.equal(code, 1);
        assert.equal(out, "");
        const [head, ...story] = err.split("\n");
        assert.equal(head, `PERMISSION_DENIED  not allowed to call ${selector}`);
        assertStory(story, [
          /^ {2}client -> gateway ok -> cloud run ok -> server x$/,
          /^ +gateway +a valid Google token for grpcs:\/\/grpc-gateway-1: let through/,
          /^ +cloud run +the caller is gateway-sa, which has run\.invoker: let through$/,
          new RegExp(`^ +server +${eve} is not in server/access\\.yaml:\\d+$`),
          new RegExp(`^ {2}fix {3}add serviceAccount:${eve} under allow: in server/access\\.yaml`),
        ]);
      });

      it("past the gateway, Cloud Run refuses who has no role", async () => {
        const { code, err } = await callpath("call", "--address", ready.run);
        assert.equal(code, 1);
        assert.match(err, /^PERMISSION_DENIED/);
        assert.match(err, /client -> cloud run x {2,}the server never saw this call/);
        assert.match(err, /gateway-client-sa/);
      });

      it("refusals as JSON are one document on stdout", async () => {
        const { code, out, err } = await callpath("call", "--json", "--as", eve);
        assert.equal(code, 1);
        assert.equal(err, "");
        assert.partialDeepStrictEqual(JSON.parse(out), {
          verdict: "rejected",
          hop: "server",
          code: "PERMISSION_DENIED",
        });
      });

      it("SIGTERM under load: calls that end within the bound end well, and in 8 s everything is gone", async () => {
        const ca = readFileSync(ready.ca, "utf8");
        const token = await callpath("token", "--audience", gatewayAudience);
        const bearer = `Bearer ${token.out.trim()}`;
        await using one = new RawClient(new URL(ready.gateway), { ca });
        await using other = new RawClient(new URL(ready.gateway), { ca });
        const short = holdUnary(one, bearer, service);
        // Once is enough to wait for: it has no end of its own, the bound is its end.
        const endless =
          service === echoService ? undefined : await holdStream(other, bearer, service);
        await arrived(one);
        const { pid } = dev.child;
        assert.ok(pid !== undefined);
        const children = descendantsOf(pid);
        assert.ok(children.length >= 3, `${children.length} children`);

        const signalledAtMs = performance.now();
        const draining = once(one.session, "goaway");
        dev.child.kill("SIGTERM");
        await draining;
        short.letGo();
        assert.equal(endOf(await short.answer).code, 0);
        if (endless !== undefined) await isCut(endless);
        assert.equal(await dev.ended, 0, dev.err.lines.join("\n"));
        assert.ok(performance.now() - signalledAtMs < END_MS);

        assert.deepEqual(runningOf(children), []);
        const { gateway, run, issuer, metadata } = ready;
        for (const at of [gateway, run, issuer, `http://${metadata}`])
          assert.equal(await isOpen(Number(new URL(at).port)), false, at);
        assert.deepEqual(readdirSync(machine.temporary), []);
        assert.deepEqual(readdirSync(machine.home), []);
        const kept = ["ca-key.pem", "ca.pem", "gateway-client-sa.json", "issuer-keys.json"];
        for (const file of readdirSync(machine.state)) assert.ok(kept.includes(file), file);
        assert.equal(machine.left(), "");
      });
    });
  }
});

async function isCut({ answer }: HeldCall): Promise<void> {
  assert.notEqual(endOf(await answer).code, 0);
}

/** These lines, in this order; others may stand between them. */
function assertStory(lines: readonly string[], wanted: readonly RegExp[]): void {
  let at = 0;
  for (const line of wanted) {
    const found = lines.findIndex((text, n) => n >= at && line.test(text));
    assert.ok(found >= 0, `${line} is missing in:\n${lines.join("\n")}`);
    at = found + 1;
  }
}

async function isOpen(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openLocalCa } from "../src/emulator/ca.ts";
import { startGateway } from "../src/gateway/serve.ts";
import { callpathEngine } from "../src/http2/engine.ts";
import { nodeEngine } from "../src/http2/node-engine.ts";
import type { TrafficEvent } from "../src/rejection/traffic.ts";
import {
  assertRefused,
  KeyServer,
  loadModel,
  Middle,
  type MiddleOptions,
  walkthroughConfig,
} from "./gateway-in-the-middle.ts";
import { answerOf, Backend, grpcFrame, RawClient } from "./raw-http2.ts";
import { googleClaims, TokenMaker } from "./token-maker.ts";

const keys = new TokenMaker();
const path = "/echo.EchoServer/SayHello";
const bearer = () => `Bearer ${keys.mint(googleClaims(Date.now(), "grpcs://grpc-gateway-1"))}`;

for (const engine of [callpathEngine, nodeEngine]) {
  const start = (options: MiddleOptions = {}) => Middle.start({ engine, keys, ...options });

  describe(`the gateway's life, ${engine.name} engine`, () => {
    it("BE-3: TLS upstream: ALPN h2, SNI and certificate of the address's host, --resolve leads elsewhere", async () => {
      const stateDir = mkdtempSync(join(tmpdir(), "callpath-tls-"));
      try {
        const ca = openLocalCa(stateDir, { nowMs: Date.now });
        await using backend = new Backend(ca.issue(["run.example.test"]));
        const port = await backend.listen();
        await using keyServer = new KeyServer(keys.jwks);
        const jwks = await keyServer.listen();
        const config = walkthroughConfig.replace("grpc://$BACKEND", "grpcs://run.example.test");
        const options = {
          port: 0,
          nowMs: Date.now,
          engine,
          model: loadModel(config, { JWKS: jwks, BACKEND: "" }),
        };
        const resolve = new Map([["run.example.test:443", `127.0.0.1:${port}`]]);
        {
          await using gateway = await startGateway({ ...options, resolve, ca: [ca.certPem] });
          await using client = new RawClient(gateway.url);
          const answer = await client.call({ ":path": path, authorization: bearer() });
          assert.equal(answer.trailers["grpc-status"], "0");
          assert.equal(backend.calls[0]?.headers[":authority"], "run.example.test");
          assert.equal(backend.calls[0]?.headers[":scheme"], "https");
        }
        await using distrustful = await startGateway({ ...options, resolve });
        await using client = new RawClient(distrustful.url);
        const refused = await client.call({ ":path": path, authorization: bearer() });
        assert.equal(refused.headers["grpc-status"], "14");
      } finally {
        rmSync(stateDir, { recursive: true });
      }
    });

    it("JK-3: a call whose keys are not there waits for one fetch, and its body is not lost", async () => {
      await using middle = await start();
      const clock = { nowMs: Date.now() };
      middle.keyServer.answer = { status: 503, body: "" };
      const model = loadModel(walkthroughConfig, {
        BACKEND: `127.0.0.1:${middle.backend.port()}`,
        JWKS: middle.jwks,
      });
      await using gateway = await startGateway({
        model,
        port: 0,
        engine,
        nowMs: () => clock.nowMs,
      });
      await using client = new RawClient(gateway.url);
      const call = () => client.call({ ":path": path, authorization: bearer() });
      assertRefused(await call(), 16, 401, "Jwks remote fetch is failed");
      middle.keyServer.answer = { status: 200, body: keys.jwks };
      clock.nowMs += 2000;
      const answers = await Promise.all([call(), call(), call()]);
      for (const answer of answers) assert.deepEqual(answer.body, grpcFrame("hello"));
      assert.equal(
        middle.keyServer.fetches,
        3,
        "one at start of each gateway, one for the three calls",
      );
    });

    it("a reload serves new calls by the new model; a call in flight keeps the old one", async () => {
      await using middle = await start();
      const released = Promise.withResolvers<void>();
      middle.backend.onCall = (stream, body) =>
        void released.promise.then(() => {
          stream.respond(
            { ":status": 200, "content-type": "application/grpc" },
            { waitForTrailers: true },
          );
          stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
          stream.end(body);
        });
      const arrived = new Promise<void>((resolve) => {
        middle.backend.onStream = () => resolve();
      });
      const slow = middle.client.call({ ":path": path, authorization: bearer() });
      await arrived;
      const config = walkthroughConfig.replace(
        "audiences: grpcs://grpc-gateway-1",
        "audiences: another",
      );
      const values = { BACKEND: `127.0.0.1:${middle.backend.port()}`, JWKS: middle.jwks };
      await middle.gateway.reload(loadModel(config, values));
      assertRefused(
        await middle.client.call({ ":path": path, authorization: bearer() }),
        7,
        403,
        "Audiences in Jwt are not allowed",
      );
      released.resolve();
      assert.equal((await slow).trailers["grpc-status"], "0");
    });

    it("a reload whose token cannot be had gives way to the next one", async () => {
      await using middle = await start({
        tokens: async (audience) => {
          if (audience.includes("typo")) throw new Error("no such audience");
          return { value: "t", expiresAtMs: Date.now() + 3_600_000 };
        },
      });
      const values = { BACKEND: `127.0.0.1:${middle.backend.port()}`, JWKS: middle.jwks };
      const mistaken = walkthroughConfig.replace(
        "https://run.example.test",
        "https://typo.example.test",
      );
      const stuck = middle.gateway.reload(loadModel(mistaken, values));
      const given = assert.rejects(stuck, /a newer config came/);
      await middle.gateway.reload(loadModel(walkthroughConfig, values));
      await given;
      const answer = await middle.client.call({ ":path": path, authorization: bearer() });
      assert.equal(answer.trailers["grpc-status"], "0");
    });

    it("at the end calls in flight finish, and the client is told where to stop", async () => {
      const middle = await start();
      let finish = () => {};
      middle.backend.onCall = (stream, body) => {
        finish = () => {
          stream.respond(
            { ":status": 200, "content-type": "application/grpc" },
            { waitForTrailers: true },
          );
          stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
          stream.end(body);
        };
        arrived.resolve();
      };
      const arrived = Promise.withResolvers<void>();
      const slow = middle.client.call({ ":path": path, authorization: bearer() });
      await arrived.promise;
      const goaway = once(middle.client.session, "goaway");
      const closed = middle.gateway[Symbol.asyncDispose]();
      await goaway;
      finish();
      assert.equal((await slow).trailers["grpc-status"], "0");
      await closed;
      assert.equal(middle.backend.calls.length, 1);
      await middle[Symbol.asyncDispose]();
    });

    it("at the end a call that lasts longer than the bound is reset, not held for ever", async () => {
      const middle = await start({ drainMs: 50 });
      const arrived = Promise.withResolvers<void>();
      middle.backend.onCall = () => arrived.resolve();
      const stuck = middle.client.call({ ":path": path, authorization: bearer() });
      await arrived.promise;
      await middle.gateway[Symbol.asyncDispose]();
      const answer = await stuck;
      assert.notEqual(answer.headers["grpc-status"] ?? answer.trailers["grpc-status"], "0");
      await middle[Symbol.asyncDispose]();
    });

    it("ER-5: HTTP/1.1 with a gRPC content type gets the same trailers-only answer, content-length 0", async () => {
      await using middle = await start();
      const { port } = middle.gateway.url;
      const sent = request({
        port,
        path,
        method: "POST",
        agent: false,
        headers: { "content-type": "application/grpc" },
      });
      sent.end(grpcFrame("hello"));
      const [response] = await once(sent, "response");
      response.resume();
      await once(response, "end");
      assert.equal(response.statusCode, 200);
      assert.equal(response.headers["grpc-status"], "16");
      assert.equal(response.headers["content-length"], "0");
    });

    it("answers the health path without a token, and only GET", async () => {
      await using middle = await start({ healthz: "/healthz" });
      const get = middle.client.session.request({ ":path": "/healthz" });
      get.end();
      assert.equal((await answerOf(get)).headers[":status"], 200);
      const post = middle.client.session.request({ ":path": "/healthz", ":method": "POST" });
      post.end();
      assert.equal((await answerOf(post)).headers[":status"], 405);
    });

    it("LM-8: a caller that cancels cancels the service's stream", async () => {
      await using middle = await start();
      const arrived = Promise.withResolvers<void>();
      const cancelled = Promise.withResolvers<number>();
      middle.backend.onCall = () => arrived.resolve();
      middle.backend.onStream = (stream) =>
        stream.on("close", () => cancelled.resolve(stream.rstCode));
      const stream = middle.client.session.request({
        ":path": path,
        ":method": "POST",
        "content-type": "application/grpc",
        authorization: bearer(),
      });
      stream.on("error", () => {});
      stream.end(grpcFrame("hello"));
      await arrived.promise;
      stream.close(8);
      assert.equal(await cancelled.promise, 8);
    });

    it("a listener of ours that throws ends its call, is told to the log, and harms no other", async () => {
      const log: string[] = [];
      let calls = 0;
      await using middle = await start({
        log: (severity, message) => log.push(`${severity} ${message}`),
        onTraffic: () => {
          if (++calls === 1) throw new Error("a listener's bug");
        },
      });
      await middle.client.call({ ":path": path });
      const answer = await middle.client.call({ ":path": path, authorization: bearer() });
      assert.equal(answer.trailers["grpc-status"], "0");
      assert.match(log.join("\n"), /^ERROR Error: a listener's bug/);
    });

    it("tells each call once to onTraffic, with the hop's principal, and why it was refused by which steps", async () => {
      const events: TrafficEvent[] = [];
      await using middle = await start({
        onTraffic: (event) => events.push(event),
        traceRefusals: true,
      });
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      await middle.client.call({ ":path": path, authorization: bearer(), traceparent });
      await middle.client.call({ ":path": `${path}?access_token=${bearer().slice(7)}x` });
      const [passed, refused] = events;
      assert.equal(events.length, 2);
      assert.partialDeepStrictEqual(passed, {
        hop: "gateway",
        path,
        grpcStatus: 0,
        principal: "ada@example.com",
        connection: "1",
        traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      });
      assert.partialDeepStrictEqual(refused, {
        path,
        grpcStatus: 16,
        rejection: { reason: "TOKEN_MALFORMED", hop: "gateway" },
      });
      assert.ok((refused?.steps?.length ?? 0) > 1);
      assert.doesNotMatch(JSON.stringify(events), /eyJ/, "no token in an event");
    });
  });
}

import assert from "node:assert/strict";
import { constants } from "node:http2";
import { describe, it } from "node:test";
import { callpathEngine } from "../src/http2/engine.ts";
import { nodeEngine } from "../src/http2/node-engine.ts";
import {
  assertRefused,
  Middle,
  type MiddleOptions,
  walkthroughConfig,
} from "./gateway-in-the-middle.ts";
import { grpcFrame } from "./raw-http2.ts";
import { googleClaims, TokenMaker } from "./token-maker.ts";

const keys = new TokenMaker();
const audience = "grpcs://grpc-gateway-1";
const path = "/echo.EchoServer/SayHello";
const streamPath = "/echo.EchoServer/SayHelloStream";
const nowS = () => Math.floor(Date.now() / 1000);
const claims = (changes: Record<string, unknown> = {}) => ({
  ...googleClaims(Date.now(), audience),
  ...changes,
});
const bearer = (changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
  `Bearer ${keys.mint(claims(changes), header)}`;

for (const engine of [callpathEngine, nodeEngine]) {
  const start = (options: MiddleOptions = {}) => Middle.start({ engine, keys, ...options });

  describe(`the gateway's rules, ${engine.name} engine`, () => {
    it("section 22: the walkthrough's call reaches the service as API Gateway sends it (BE-3, BE-5, BE-17, HD-1, HD-2, GW-1, AP-7, AP-11)", async () => {
      await using middle = await start();
      const token = bearer();
      const answer = await middle.client.call({
        ":path": path,
        authorization: token,
        sal: "value1",
      });
      assert.equal(answer.trailers["grpc-status"], "0");
      assert.deepEqual(answer.body, grpcFrame("hello"));
      const [seen] = middle.backend.calls;
      assert.equal(seen?.headers[":authority"], "127.0.0.1", "BE-5: host without port");
      assert.equal(seen?.headers[":path"], path, "BE-17");
      assert.equal(
        seen?.headers.authorization,
        "Bearer backend-token-for.https://run.example.test",
        "BE-9, HD-2",
      );
      assert.equal(seen?.headers["x-forwarded-authorization"], token, "HD-2");
      assert.equal(seen?.headers["x-apigateway-api-userinfo"], token.split(".")[1], "HD-1, GW-1");
      assert.equal(seen?.headers.te, "trailers", "HD-8");
      assert.equal(seen?.headers.sal, "value1", "HD-8");
    });

    it("HD-8: grpc-timeout, grpc-accept-encoding and duplicate metadata go on as they are; grpc-timeout is not enforced", async () => {
      await using middle = await start();
      const answer = await middle.client.call({
        ":path": path,
        authorization: bearer(),
        "grpc-timeout": "1n",
        "grpc-accept-encoding": "gzip",
        "twice-bin": ["AAE", "AAI"],
      });
      assert.equal(answer.trailers["grpc-status"], "0");
      const seen = middle.backend.calls[0];
      assert.equal(seen?.headers["grpc-timeout"], "1n");
      assert.equal(seen?.headers["grpc-accept-encoding"], "gzip");
      const values = seen?.rawHeaders.filter((_value, at, all) => all[at - 1] === "twice-bin");
      assert.deepEqual(values, ["AAE", "AAI"]);
    });

    it("HD-9: a header whose name has an underscore is refused", async () => {
      await using middle = await start();
      const authorization = bearer();
      const forged = { x_apigateway_api_userinfo: "e30" };
      const answer = await middle.client.call({ ":path": path, authorization, ...forged });
      assert.equal(answer.resetCode, constants.NGHTTP2_INTERNAL_ERROR);
      assert.equal(middle.backend.calls.length, 0);
    });

    it("RT-1: one trailing slash matches and is forwarded; case counts", async () => {
      await using middle = await start();
      const authorization = bearer();
      const slash = await middle.client.call({ ":path": `${path}/`, authorization });
      assert.equal(slash.trailers["grpc-status"], "0");
      assert.equal(middle.backend.calls[0]?.headers[":path"], `${path}/`);
      const lower = await middle.client.call({ ":path": path.toLowerCase(), authorization });
      assertRefused(lower, 12, 404, "The current request is not defined by this API.");
    });

    for (const [what, unknown] of [
      ["an unknown method", "/echo.EchoServer/Nope"],
      ["IN-3: a service that apis does not list", "/grpc.health.v1.Health/Check"],
    ] as const)
      it(`RT-2, AR-7: ${what} is 404 / 12 before any token is looked at`, async () => {
        await using middle = await start();
        const answer = await middle.client.call({ ":path": unknown });
        assertRefused(answer, 12, 404, "The current request is not defined by this API.");
        assert.equal(middle.backend.calls.length, 0);
      });

    const open = walkthroughConfig.replace(
      /\n {2}rules:\n {4}- selector: "\*"\n {6}requirements:\n {8}- provider_id: google_id_token\n$/,
      "\n",
    );
    it("AR-1: a method without a rule needs no token, and one that is sent is not looked at", async () => {
      assert.notEqual(open, walkthroughConfig);
      await using middle = await start({ config: open });
      const answer = await middle.client.call({ ":path": path, authorization: "Bearer rubbish" });
      assert.equal(answer.trailers["grpc-status"], "0");
      assert.equal(middle.backend.calls[0]?.headers["x-forwarded-authorization"], "Bearer rubbish");
    });

    it("Decided: identity headers of a caller never reach the service, in headers or trailers, with or without authentication", async () => {
      for (const config of [walkthroughConfig, open]) {
        await using middle = await start({ config });
        const forged = {
          "x-apigateway-api-userinfo": "Zm9yZ2Vk",
          "x-forwarded-authorization": "Bearer forged",
        };
        const token = config === open ? {} : { authorization: bearer() };
        const answer = await middle.client.call({ ":path": path, ...token, ...forged }, undefined, {
          ...forged,
          authorization: "Bearer forged",
          kept: "yes",
        });
        assert.equal(answer.trailers["grpc-status"], "0");
        const seen = middle.backend.calls[0];
        assert.doesNotMatch(JSON.stringify([seen?.rawHeaders, seen?.trailers]), /forged|Zm9yZ2Vk/);
        assert.equal(seen?.trailers.kept, "yes");
      }
    });

    for (const [rule, authorization, grpc, http, message] of [
      ["no token (AP-7)", () => undefined, 16, 401, "Jwt is missing"],
      [
        "AP-9: lower-case bearer",
        () => bearer().replace("Bearer", "bearer"),
        16,
        401,
        "Jwt is missing",
      ],
      [
        "not three parts",
        () => "Bearer a.b",
        16,
        401,
        "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
      ],
      ["header no JSON", () => "Bearer YQ.YQ.YQ", 16, 401, "Jwt header is an invalid JSON"],
      [
        "JV-3: alg none",
        () => bearer({}, { alg: "none" }),
        16,
        401,
        "Jwt header [alg] is not supported",
      ],
      [
        "AP-1: another issuer",
        () => bearer({ iss: "accounts.google.com" }),
        16,
        401,
        "Jwt issuer is not configured",
      ],
      ["JV-2: expired", () => bearer({ exp: nowS() - 61 }), 16, 401, "Jwt is expired"],
      ["JV-2: not yet valid", () => bearer({ nbf: nowS() + 90 }), 16, 401, "Jwt not yet valid"],
      [
        "AP-3: another audience",
        () => bearer({ aud: "https://grpc-gateway-1" }),
        7,
        403,
        "Audiences in Jwt are not allowed",
      ],
      ["signature", () => `${bearer().slice(0, -6)}AAAAAA`, 16, 401, "Jwt verification fails"],
      [
        "JV-4: unknown kid",
        () => bearer({}, { kid: "other" }),
        16,
        401,
        "Jwks doesn't have key to match kid or alg from Jwt",
      ],
      [
        "JV-1: issuer before time",
        () => bearer({ iss: "x", exp: 1 }),
        16,
        401,
        "Jwt issuer is not configured",
      ],
      ["JV-1: time before audience", () => bearer({ aud: "x", exp: 1 }), 16, 401, "Jwt is expired"],
      [
        "JV-1: audience before signature",
        () => `${bearer({ aud: "x" }).slice(0, -6)}AAAAAA`,
        7,
        403,
        "Audiences in Jwt are not allowed",
      ],
      [
        "exp of a wrong type",
        () => bearer({ exp: "soon" }),
        16,
        401,
        "Jwt payload [exp] field is not an integer",
      ],
      [
        "aud of a wrong type",
        () => bearer({ aud: 1 }),
        16,
        401,
        "Jwt payload [aud] field is not a string or string list",
      ],
    ] as const)
      it(`section 6, JV-5, ER-2: ${rule} -> ${grpc} ${message}`, async () => {
        await using middle = await start();
        const token = authorization();
        const answer = await middle.client.call({
          ":path": path,
          ...(token === undefined ? {} : { authorization: token }),
        });
        assertRefused(answer, grpc, http, message);
        assert.equal(middle.backend.calls.length, 0);
        if (grpc === 16)
          assert.match(
            String(answer.headers["www-authenticate"]),
            /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/echo\.EchoServer\/SayHello"/,
            "JV-6",
          );
      });

    for (const [rule, changes] of [
      ["JV-2: within 60 s of leeway", () => ({ exp: nowS() - 50, nbf: nowS() + 50 })],
      ["AP-3: one trailing slash", () => ({ aud: `${audience}/` })],
      ["AP-2: any of several audiences", () => ({ aud: ["other", audience] })],
      ["JV-2: no exp at all; iat in the future", () => ({ exp: undefined, iat: nowS() + 9999 })],
    ] as const)
      it(`passes: ${rule}`, async () => {
        await using middle = await start();
        const answer = await middle.client.call({
          ":path": path,
          authorization: bearer(changes()),
        });
        assert.equal(answer.trailers["grpc-status"], "0");
      });

    it("AP-4: without audiences only https://NAME is accepted", async () => {
      const config = walkthroughConfig.replace("      audiences: grpcs://grpc-gateway-1\n", "");
      await using middle = await start({ config });
      const right = await middle.client.call({
        ":path": path,
        authorization: bearer({ aud: "https://echo.apigateway.test.cloud.goog" }),
      });
      assert.equal(right.trailers["grpc-status"], "0");
      assertRefused(
        await middle.client.call({ ":path": path, authorization: bearer() }),
        7,
        403,
        "Audiences in Jwt are not allowed",
      );
    });

    it("AP-5: keys as JWKS; JK-1: one fetch serves many calls", async () => {
      await using middle = await start();
      middle.keyServer.answer = { status: 200, body: keys.jwks };
      for (let at = 0; at < 5; at++)
        assert.equal(
          (await middle.client.call({ ":path": path, authorization: bearer({ sub: String(at) }) }))
            .trailers["grpc-status"],
          "0",
        );
      assert.equal(middle.keyServer.fetches, 1);
    });

    it("ER-1: a caller that does not speak gRPC gets HTTP, JSON and a newline, when its request has ended", async () => {
      await using middle = await start();
      const answer = await middle.client.call({
        ":path": path,
        "content-type": "application/json",
      });
      assert.equal(answer.headers[":status"], 401);
      assert.equal(answer.headers["content-type"], "application/json");
      assert.equal(answer.body.toString(), '{"code":401,"message":"Jwt is missing"}\n');
      assert.equal(answer.resetCode, 0);
    });

    it("UC-1: an API key that is sent where none is needed is not looked at", async () => {
      await using middle = await start();
      const answer = await middle.client.call({
        ":path": `${path}?key=x`,
        authorization: bearer(),
        "x-api-key": "y",
      });
      assert.equal(answer.trailers["grpc-status"], "0");
    });

    const quick = walkthroughConfig.replace(
      "      address: grpc://",
      "      deadline: 0.15\n      address: grpc://",
    );
    it("BE-11, LM-1: a unary answer that is late is 504 / 14 upstream request timeout", async () => {
      await using middle = await start({ config: quick });
      middle.backend.onCall = () => {};
      const cancelled = new Promise<number>((resolve) => {
        middle.backend.onStream = (stream) => stream.on("close", () => resolve(stream.rstCode));
      });
      const answer = await middle.client.call({ ":path": path, authorization: bearer() });
      assertRefused(answer, 14, 504, "upstream request timeout");
      assert.equal(await cancelled, 8, "the backend's stream is cancelled");
    });

    it("BE-12: on a stream the deadline is the longest silence, not the whole answer", async () => {
      await using middle = await start({ config: quick });
      middle.backend.onCall = (stream) => {
        stream.respond(
          { ":status": 200, "content-type": "application/grpc" },
          { waitForTrailers: true },
        );
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        let sent = 0;
        const timer = setInterval(() => {
          if (++sent <= 4) stream.write(grpcFrame(`m${sent}`));
          else {
            clearInterval(timer);
            stream.end();
          }
        }, 60);
      };
      const answer = await middle.client.call({ ":path": streamPath, authorization: bearer() });
      assert.equal(answer.trailers["grpc-status"], "0");
      middle.backend.onCall = () => {};
      const silent = await middle.client.call({ ":path": streamPath, authorization: bearer() });
      assertRefused(silent, 14, 504, "stream timeout");
    });

    it("section 17: a backend that is not there is 503 / 14", async () => {
      await using middle = await start();
      await middle.backend[Symbol.asyncDispose]();
      const answer = await middle.client.call({ ":path": path, authorization: bearer() });
      assert.equal(answer.headers["grpc-status"], "14");
      assert.equal(answer.headersOnly, true);
      const { code, message } = JSON.parse(
        decodeURIComponent(String(answer.headers["grpc-message"])),
      );
      assert.equal(code, 503);
      assert.match(
        message,
        /^upstream connect error or disconnect\/reset before headers\. (retried and the latest )?reset reason: /,
      );
    });

    it("TK-1, TK-6: the listener opens when the token is there; one fetch an audience", async () => {
      const asked: string[] = [];
      const tokens = async (wanted: string) => {
        asked.push(wanted);
        return { value: "t", expiresAtMs: Date.now() + 3_600_000 };
      };
      await using middle = await start({ tokens });
      for (let at = 0; at < 3; at++)
        await middle.client.call({ ":path": path, authorization: bearer() });
      assert.deepEqual(asked, ["https://run.example.test"]);
    });

    it("HD-4, BE-10: without an identity of its own the gateway leaves authorization alone", async () => {
      const config = walkthroughConfig.replace(
        / {6}jwt_audience: .*\n/,
        "      disable_auth: true\n",
      );
      await using middle = await start({ config });
      const token = bearer();
      await middle.client.call({ ":path": path, authorization: token });
      assert.equal(middle.backend.calls[0]?.headers.authorization, token);
      assert.equal(middle.backend.calls[0]?.headers["x-forwarded-authorization"], undefined);
    });

    it("RT-13: status, message and trailers of the service pass as they are", async () => {
      await using middle = await start();
      middle.backend.onCall = (stream) =>
        stream.respond(
          {
            ":status": 200,
            "content-type": "application/grpc",
            "grpc-status": "42",
            "grpc-message": "a%2Fb c",
          },
          { endStream: true },
        );
      const answer = await middle.client.call({ ":path": path, authorization: bearer() });
      assert.equal(answer.headersOnly, true);
      assert.equal(answer.headers["grpc-status"], "42");
      assert.equal(answer.headers["grpc-message"], "a%2Fb c");
    });
  });
}

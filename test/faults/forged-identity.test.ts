import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callpathEngine } from "../../src/http2/engine.ts";
import { Flag, FrameType } from "../../src/http2/frames.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";
import { Middle, walkthroughConfig } from "../gateway-in-the-middle.ts";
import { block, frame, RawPeer } from "../http2/raw-peer.ts";
import { grpcFrame } from "../raw-http2.ts";
import { googleClaims, TokenMaker } from "../token-maker.ts";
import { FORGED, names, spellings, spellings1 } from "./forged-spellings.ts";
import { over1 } from "./over-http1.ts";
import { SteadyCalls } from "./steady-calls.ts";

const { HEADERS, DATA, RST_STREAM } = FrameType;
const path = "/echo.EchoServer/SayHello";
const keys = new TokenMaker();
const token = `Bearer ${keys.mint(googleClaims(Date.now(), "grpcs://grpc-gateway-1"))}`;
/** Nobody needs a token: nothing is checked, and still nothing forged passes. */
const open = walkthroughConfig.replace(/ {4}- selector: "\*"\n {6}requirements:(\n {8}.*)*/, "");
const request = (authorized: boolean): [string, string][] => [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", path],
  [":authority", "localhost"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
  ...(authorized ? ([["authorization", token]] as [string, string][]) : []),
];

for (const engine of [callpathEngine, nodeEngine]) {
  for (const [what, config] of [
    ["a token is needed", walkthroughConfig],
    ["no token is needed", open],
  ] as const) {
    const isOpen = config === open;
    const start = () => Middle.start({ engine, keys, config });

    /** Whatever happened to the call, the service saw nothing of it but the gateway's own words. */
    const assertUnseen = ({ backend }: Middle) => {
      for (const { rawHeaders, trailers } of backend.calls) {
        assert.doesNotMatch(JSON.stringify([rawHeaders, trailers]), new RegExp(FORGED));
        const said = rawHeaders.filter((_, at) => rawHeaders[at - 1] === names[0] && at % 2 === 1);
        assert.deepEqual(said, isOpen ? [] : [token.split(".")[1]]);
      }
    };

    describe(`a forged identity where ${what}, ${engine.name} engine`, () => {
      for (const { how, passes, fields } of spellings) {
        for (const place of ["headers", "trailers"] as const)
          it(`HD-1, HD-2, HD-9: HTTP/2 ${place}, ${how}: the service never sees it`, async () => {
            await using middle = await start();
            await using beside = await SteadyCalls.start(middle.gateway.url, {
              ":path": path,
              ...(isOpen ? {} : { authorization: token }),
            });
            await using peer = await RawPeer.connect(Number(middle.gateway.url.port));
            for (const [nth, name] of names.entries()) {
              const id = nth * 2 + 1;
              const inHead = place === "headers" ? fields(name) : [];
              peer.send(
                frame(HEADERS, Flag.END_HEADERS, id, block(...request(!isOpen), ...inHead)),
                frame(DATA, place === "headers" ? Flag.END_STREAM : 0, id, grpcFrame("x")),
              );
              if (place === "trailers")
                peer.send(
                  frame(HEADERS, Flag.END_STREAM | Flag.END_HEADERS, id, block(...fields(name))),
                );
              const end = await peer.until(
                (one) =>
                  one.id === id && (one.type === RST_STREAM || (one.flags & Flag.END_STREAM) !== 0),
              );
              // node:http2 drops what is malformed, and lets the call pass.
              if (engine === callpathEngine)
                assert.equal(end.type !== RST_STREAM, passes, `${name} ${how}`);
              const isEchoed = peer.frames.some((one) => one.id === id && one.type === DATA);
              assert.equal(isEchoed, end.type !== RST_STREAM);
            }
            await beside.goesOn();
            assertUnseen(middle);
          });
      }

      for (const { how, lines } of spellings1)
        for (const place of ["headers", "trailers"] as const)
          it(`HD-1, HD-2, HD-9: HTTP/1.1 ${place}, ${how}: the service never sees it`, async () => {
            await using middle = await start();
            for (const name of names) {
              const said = lines(name);
              const head = [
                `POST ${path} HTTP/1.1`,
                "host: localhost",
                "content-type: application/grpc",
                "te: trailers",
                "transfer-encoding: chunked",
                ...(isOpen ? [] : [`authorization: ${token}`]),
                ...(place === "headers" ? [said] : ["trailer: x-a"]),
              ].join("\r\n");
              const trailers = place === "trailers" ? `${said}\r\n` : "";
              await over1(middle, `${head}\r\n\r\n6\r\n\0\0\0\0\x01x\r\n0\r\n${trailers}\r\n`);
            }
            if (how === "as it is") assert.equal(middle.backend.calls.length, names.length);
            assertUnseen(middle);
          });

      it("HTTP/1.1: what connection names is no part of the call: without its token it is refused where one is needed", async () => {
        await using middle = await start();
        const head = [
          `POST ${path} HTTP/1.1`,
          "host: localhost",
          "content-type: application/grpc",
          "connection: authorization, te",
          "content-length: 6",
          `authorization: ${isOpen ? FORGED : token}`,
        ].join("\r\n");
        const answer = await over1(middle, `${head}\r\n\r\n\0\0\0\0\x01x`);
        assert.equal(middle.backend.calls.length, isOpen ? 1 : 0, answer);
        for (const { headers } of middle.backend.calls)
          assert.match(String(headers.authorization), /^Bearer backend-token-for/);
      });
    });
  }
}

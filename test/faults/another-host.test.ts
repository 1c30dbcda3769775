import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callpathEngine } from "../../src/http2/engine.ts";
import { Flag, FrameType } from "../../src/http2/frames.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";
import { Middle } from "../gateway-in-the-middle.ts";
import { block, frame, RawPeer } from "../http2/raw-peer.ts";
import { grpcFrame } from "../raw-http2.ts";
import { googleClaims, TokenMaker } from "../token-maker.ts";
import { over1 } from "./over-http1.ts";

const { HEADERS, DATA, RST_STREAM } = FrameType;
const path = "/echo.EchoServer/SayHello";
const keys = new TokenMaker();
const token = `Bearer ${keys.mint(googleClaims(Date.now(), "grpcs://grpc-gateway-1"))}`;
const FORGED = "another.test";

const request: [string, string][] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", path],
  [":authority", "localhost"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
  ["authorization", token],
];

for (const engine of [callpathEngine, nodeEngine]) {
  describe(`another host, ${engine.name} engine`, () => {
    for (const [how, fields] of [
      ["beside :authority", [["host", FORGED]]],
      [
        "twice beside :authority",
        [
          ["host", "localhost"],
          ["host", FORGED],
        ],
      ],
    ] as [string, [string, string][]][])
      it(`BE-5: ${how}: the service sees the config's authority only`, async () => {
        await using middle = await Middle.start({ engine, keys });
        await using peer = await RawPeer.connect(Number(middle.gateway.url.port));
        peer.send(
          frame(HEADERS, Flag.END_HEADERS, 1, block(...request, ...fields)),
          frame(DATA, Flag.END_STREAM, 1, grpcFrame("x")),
        );
        const end = await peer.until(
          ({ id, type, flags }) => id === 1 && (type === RST_STREAM || (flags & 1) !== 0),
        );
        if (engine === callpathEngine) assert.equal(end.type, RST_STREAM);
        for (const { rawHeaders } of middle.backend.calls)
          assert.doesNotMatch(JSON.stringify(rawHeaders), new RegExp(FORGED));
      });

    for (const [how, target, hosts] of [
      ["a target that is a URL of another host", `http://${FORGED}${path}`, ["localhost"]],
      ["two hosts", path, ["localhost", FORGED]],
      ["no host", path, []],
    ] as const)
      it(`BE-5: HTTP/1.1, ${how}: the service sees the config's authority only`, async () => {
        await using middle = await Middle.start({ engine, keys });
        const head = [
          `POST ${target} HTTP/1.1`,
          ...hosts.map((host) => `host: ${host}`),
          "content-type: application/grpc",
          "content-length: 6",
          `authorization: ${token}`,
        ].join("\r\n");
        await over1(middle, `${head}\r\n\r\n\0\0\0\0\x01x`);
        for (const { rawHeaders } of middle.backend.calls)
          assert.doesNotMatch(JSON.stringify(rawHeaders), new RegExp(FORGED));
      });

    for (const [how, framing] of [
      ["content-length and transfer-encoding", "content-length: 4\r\ntransfer-encoding: chunked"],
      ["two content-lengths", "content-length: 4\r\ncontent-length: 60"],
      ["transfer-encoding that is no chunked", "transfer-encoding: chunked, identity"],
      ["transfer-encoding with a space", "transfer-encoding : chunked"],
      [
        "transfer-encoding behind a bare LF",
        "x-a: 1\ntransfer-encoding: chunked\r\ncontent-length: 4",
      ],
    ] as const)
      it(`smuggling, ${how}: nothing inside a body becomes a call`, async () => {
        await using middle = await Middle.start({ engine, keys });
        const inner = `POST ${path} HTTP/1.1\r\nhost: ${FORGED}\r\nx-inner: ${FORGED}\r\nauthorization: ${token}\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n`;
        const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc\r\nauthorization: ${token}\r\n${framing}\r\n\r\n`;
        await over1(middle, `${head}0\r\n\r\n${inner}`);
        assert.ok(middle.backend.calls.length <= 1);
        for (const { rawHeaders } of middle.backend.calls)
          assert.doesNotMatch(JSON.stringify(rawHeaders), new RegExp(FORGED));
      });
  });
}

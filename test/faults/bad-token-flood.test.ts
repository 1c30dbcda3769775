import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callpathEngine } from "../../src/http2/engine.ts";
import { Flag, FrameType } from "../../src/http2/frames.ts";
import { Middle } from "../gateway-in-the-middle.ts";
import { block, frame, RawPeer } from "../http2/raw-peer.ts";
import { googleClaims, TokenMaker } from "../token-maker.ts";
import { SteadyCalls } from "./steady-calls.ts";

const { HEADERS } = FrameType;
const END = Flag.END_STREAM | Flag.END_HEADERS;
const keys = new TokenMaker();
const good = keys.mint(googleClaims(Date.now(), "grpcs://grpc-gateway-1"));
const FLOOD = 2000;

/** Whole calls with good claims under ever other signatures: none can be known before it was checked. */
function flood(): Buffer {
  const [header = "", payload = "", signature = ""] = good.split(".");
  const calls = Array.from({ length: FLOOD }, (_, nth) => {
    const bad = `${header}.${payload}.${nth.toString(36).padStart(4, "A")}${signature.slice(4)}`;
    return frame(
      HEADERS,
      END,
      nth * 2 + 1,
      block(
        [":method", "POST"],
        [":scheme", "http"],
        [":path", "/echo.EchoServer/SayHello"],
        [":authority", "localhost"],
        ["content-type", "application/grpc"],
        ["te", "trailers"],
        ["authorization", `Bearer ${bad}`],
      ),
    );
  });
  return Buffer.concat(calls);
}

describe("a flood of tokens that cost a signature check each", () => {
  it("is answered in parts: a client beside is served between them, and loses nothing", async () => {
    await using middle = await Middle.start({ engine: callpathEngine, keys });
    await using beside = await SteadyCalls.start(middle.gateway.url, {
      ":path": "/echo.EchoServer/SayHelloStream",
      authorization: `Bearer ${good}`,
    });
    await beside.goesOn();
    await using peer = await RawPeer.connect(Number(middle.gateway.url.port));
    peer.send(flood());
    await peer.until(({ type }) => type === HEADERS);
    const before = beside.answered;
    await peer.settled();
    const refusals = peer.frames.filter(({ type, flags }) => type === HEADERS && flags === END);
    assert.equal(refusals.length, FLOOD);
    const between = beside.answered - before;
    assert.ok(between >= 5, `${between} calls of the client beside while ${FLOOD} were refused`);
    await beside.goesOn();
    assert.ok(
      middle.backend.calls.every(({ headers }) => headers[":path"]?.endsWith("Stream") === true),
    );
  });
});

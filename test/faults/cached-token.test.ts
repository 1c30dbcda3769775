import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { GatewayModel } from "../../src/config/model.ts";
import { callpathEngine } from "../../src/http2/engine.ts";
import { Flag, FrameType } from "../../src/http2/frames.ts";
import { nodeEngine } from "../../src/http2/node-engine.ts";
import { loadModel, Middle, walkthroughConfig } from "../gateway-in-the-middle.ts";
import { block, frame, RawPeer } from "../http2/raw-peer.ts";
import { grpcFrame } from "../raw-http2.ts";
import { googleClaims, TokenMaker } from "../token-maker.ts";

const { HEADERS, DATA, RST_STREAM } = FrameType;
const keys = new TokenMaker();
const others = new TokenMaker();
const DAY_MS = 24 * 3_600_000;

/** `authorization` into the table of the connection: from then on one octet names it. */
function indexed(token: string): Buffer {
  const [, ...literal] = block(["authorization", `Bearer ${token}`]);
  return Buffer.from([0x40, ...literal]);
}

/** The field that went into the table `behind` others. */
const named = (behind: number) => Buffer.from([0x80 | (62 + behind)]);

/** A client that names its tokens by their place in the connection's table, as real ones do. */
class Caller {
  readonly #peer: RawPeer;
  #id = -1;
  constructor(peer: RawPeer) {
    this.#peer = peer;
  }

  /** Whether the call went through to the service. */
  async passes(field: Buffer): Promise<boolean> {
    this.#id += 2;
    const id = this.#id;
    const request = block(
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/echo.EchoServer/SayHello"],
      [":authority", "localhost"],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    );
    this.#peer.send(
      frame(HEADERS, Flag.END_HEADERS, id, Buffer.concat([request, field])),
      frame(DATA, Flag.END_STREAM, id, grpcFrame("x")),
    );
    const end = await this.#peer.until(
      (one) => one.id === id && (one.type === RST_STREAM || (one.flags & Flag.END_STREAM) !== 0),
    );
    assert.equal(end.type, HEADERS);
    // A refusal is one HEADERS frame; what the service answered has data.
    return this.#peer.frames.some((one) => one.id === id && one.type === DATA);
  }
}

for (const engine of [callpathEngine, nodeEngine]) {
  /** A gateway and a client whose token has been checked, and is used by its place in the table. */
  async function start() {
    const clock = { offMs: 0 };
    const middle = await Middle.start({ engine, keys, nowMs: () => Date.now() + clock.offMs });
    const peer = await RawPeer.connect(Number(middle.gateway.url.port));
    const caller = new Caller(peer);
    const reload = (change: (config: string) => string, jwks = middle.jwks): Promise<void> =>
      middle.gateway.reload(modelOf(middle, change, jwks));
    return {
      middle,
      caller,
      clock,
      reload,
      async [Symbol.asyncDispose]() {
        await peer[Symbol.asyncDispose]();
        await middle[Symbol.asyncDispose]();
      },
    };
  }
  const modelOf = (
    { backend }: Middle,
    change: (config: string) => string,
    jwks: string,
  ): GatewayModel =>
    loadModel(change(walkthroughConfig), { BACKEND: `127.0.0.1:${backend.port()}`, JWKS: jwks });

  describe(`a token that was checked before, ${engine.name} engine`, () => {
    const good = keys.mint(googleClaims(Date.now(), "grpcs://grpc-gateway-1"));
    const [header = "", payload = "", signature = ""] = good.split(".");
    const swapped = `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    const other = others.mint(googleClaims(Date.now(), "grpcs://grpc-gateway-1"));

    it("two that differ in the signature only, in turn on one connection: one passes, one never does", async () => {
      await using started = await start();
      const { caller, middle } = started;
      assert.equal(await caller.passes(indexed(good)), true);
      assert.equal(await caller.passes(indexed(swapped)), false);
      for (let round = 0; round < 20; round++) {
        assert.equal(await caller.passes(named(1)), true);
        assert.equal(await caller.passes(named(0)), false);
      }
      assert.equal(middle.backend.calls.length, 21);
    });

    it("the bad one first, and another's signature under the same claims", async () => {
      await using started = await start();
      const { caller } = started;
      assert.equal(await caller.passes(indexed(swapped)), false);
      assert.equal(await caller.passes(indexed(other)), false);
      assert.equal(await caller.passes(indexed(good)), true);
      for (let round = 0; round < 10; round++)
        for (const behind of [0, 1, 2])
          assert.equal(await caller.passes(named(behind)), behind === 0);
    });

    it("a reload that wants another audience: the next call is refused; back again: it passes", async () => {
      await using started = await start();
      const { caller, reload } = started;
      assert.equal(await caller.passes(indexed(good)), true);
      assert.equal(await caller.passes(named(0)), true);
      await reload((config) => config.replace("grpcs://grpc-gateway-1", "another"));
      assert.equal(await caller.passes(named(0)), false);
      await reload((config) => config);
      assert.equal(await caller.passes(named(0)), true);
    });

    it("a reload that trusts another issuer: the next call is refused", async () => {
      await using started = await start();
      const { caller, reload } = started;
      assert.equal(await caller.passes(indexed(good)), true);
      await reload((config) => config.replace("https://accounts.google.com", "https://other.test"));
      assert.equal(await caller.passes(named(0)), false);
    });

    it("a reload whose issuer has other keys at another address: the next call is refused", async () => {
      await using started = await start();
      const { caller, middle, reload } = started;
      assert.equal(await caller.passes(indexed(good)), true);
      middle.keyServer.answer = { status: 200, body: others.pemMap };
      await reload((config) => config, `${middle.jwks}?new`);
      assert.equal(await caller.passes(named(0)), false);
      assert.equal(await caller.passes(indexed(other)), true);
    });

    it("a reload whose issuer's keys cannot be had: the next call is refused", async () => {
      await using started = await start();
      const { caller, middle, reload } = started;
      assert.equal(await caller.passes(indexed(good)), true);
      middle.keyServer.answer = { status: 503, body: "" };
      await reload((config) => config, `${middle.jwks}?new`);
      assert.equal(await caller.passes(named(0)), false);
    });

    it("the clock goes past its end: the next call is refused; back again: it passes", async () => {
      await using started = await start();
      const { caller, clock } = started;
      assert.equal(await caller.passes(indexed(good)), true);
      clock.offMs = 3_600_000 + 61_000;
      assert.equal(await caller.passes(named(0)), false);
      clock.offMs = -DAY_MS;
      assert.equal(await caller.passes(named(0)), true);
    });

    it("a thousand bad tokens do not push a good one out, nor make it cost a check again", async () => {
      await using started = await start();
      const { caller } = started;
      assert.equal(await caller.passes(indexed(good)), true);
      for (let nth = 0; nth < 1100; nth++) {
        const bad = `${header}.${payload}.${nth.toString(36).padStart(4, "A")}${signature.slice(4)}`;
        assert.equal(await caller.passes(block(["authorization", `Bearer ${bad}`])), false);
      }
      assert.equal(await caller.passes(named(0)), true);
    });
  });
}

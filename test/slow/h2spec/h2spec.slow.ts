import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openLocalCa } from "../../../src/emulator/ca.ts";
import { startGateway } from "../../../src/gateway/serve.ts";
import { findPeers } from "../../../tools/peers/find-peers.ts";
import { runPeer } from "../../peers/run-peer.ts";
import { openModel } from "../open-model.ts";
import { startPage } from "./page.ts";

const { h2spec } = await findPeers("h2spec");

/** How many cases it has, the strict ones included. */
const CASES = 146;
/** One run: a second when all pass, two seconds a case when nothing is answered. */
const RUN_MS = 320_000;

type Tls = { readonly cert: string; readonly key: string } | undefined;

/** What is put to the test: a page and nothing else, and the gateway with its own answers to what is no gRPC. */
const subjects: Record<string, (tls: Tls) => Promise<AsyncDisposable & { readonly url: URL }>> = {
  "a page on src/http2": startPage,
  "the gateway": (tls) =>
    startGateway({
      model: openModel(
        [{ name: "test.Nothing", methods: { Call: "unary" } }],
        "grpc://127.0.0.1:9",
      ),
      port: 0,
      nowMs: Date.now,
      drainMs: 1_000,
      ...(tls === undefined ? {} : { tls }),
    }),
};

describe("h2spec", () => {
  for (const [name, start] of Object.entries(subjects)) {
    for (const wire of ["h2c", "TLS"] as const) {
      it(`finds no fault in ${name}, ${wire}`, async () => {
        const tls = wire === "TLS" ? certificate() : undefined;
        await using subject = await start(tls);
        const secure = tls === undefined ? [] : ["--tls", "--insecure"];
        const args = ["--strict", ...secure, "-h", "127.0.0.1", "-p", subject.url.port];
        const { code, output } = await runPeer(h2spec, args, { timeoutMs: RUN_MS });
        const summary = `${CASES} tests, ${CASES} passed, 0 skipped, 0 failed`;
        assert.ok(code === 0 && output.includes(summary), output.slice(-8_000));
      });
    }
  }
});

function certificate(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "callpath-h2spec-"));
  const ca = openLocalCa(folder, { nowMs: Date.now });
  rmSync(folder, { recursive: true });
  return ca.issue(["localhost", "127.0.0.1"]);
}

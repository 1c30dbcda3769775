import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { before, describe, it } from "node:test";
import { findPeers } from "../../../tools/peers/find-peers.ts";
import { type EngineName, suiteEngines } from "../suite-engine.ts";
import { runSuite, type SuiteResult } from "./run-suite.ts";

const { connectconformance, referenceserver, referenceclient } = await findPeers(
  "connectconformance",
  "referenceserver",
  "referenceclient",
);

/** The suite's two halves: how many cases it has, and whom it runs with nothing of ours between. */
const halves = [
  { mode: "server", cases: 568, program: referenceserver, through: "server-behind-gateway.ts" },
  { mode: "client", cases: 644, program: referenceclient, through: "client-through-gateway.ts" },
] as const;

/** Cases that must fail, and why; anything else that fails, or one of these that passes, fails the test. */
const deviations: readonly {
  readonly mode: "server" | "client";
  readonly engines: readonly EngineName[];
  readonly why: string;
  readonly cases: readonly string[];
}[] = [
  {
    mode: "server",
    engines: ["callpath", "node"],
    why: "what is no gRPC is transcoded by API Gateway and never reaches the backend as it is (501 until that is there)",
    cases: bothTransports(
      "Unexpected Requests/HTTPVersion:2/Protocol:PROTOCOL_GRPC",
      "unexpected-content-type",
    ),
  },
  {
    mode: "client",
    engines: ["callpath", "node"],
    why: "an answer with status 800 is no HTTP: the call ends with 14 (or a reset on node:http2), where the suite's client makes it 2",
    cases: bothTransports(
      "Unexpected Responses/HTTPVersion:2/Protocol:PROTOCOL_GRPC",
      "nonexistent-http-status-code",
    ),
  },
];

for (const { mode, cases, program, through } of halves) {
  describe(`Connect's conformance suite, ${mode} mode`, () => {
    let alone: SuiteResult;
    before(async () => {
      alone = await runSuite(connectconformance, mode, [program]);
    });

    it(`passes all ${cases} cases with nothing between`, () => {
      assert.equal(alone.total, cases, alone.ended);
      assert.deepEqual([...alone.failed.keys()], []);
    });

    for (const engine of suiteEngines()) {
      it(`passes the same through the gateway on engine ${engine}`, async (t) => {
        const script = join(import.meta.dirname, through);
        const command = [process.execPath, script, engine, program];
        const result = await runSuite(connectconformance, mode, command);
        const expected = new Set(
          deviations
            .filter((one) => one.mode === mode && one.engines.includes(engine))
            .flatMap((one) => one.cases),
        );
        const failed = [...result.failed.keys()];
        t.diagnostic(`${result.total - failed.length - result.notRun} of ${result.total} passed`);
        for (const name of result.unanswered) t.diagnostic(`never answered: ${name}`);
        assert.equal(result.total, cases, result.ended);
        assert.equal(result.notRun, 0, `${result.notRun} cases were not run: ${result.ended}`);
        const unexpected = [...result.failed].filter(([name]) => !expected.has(name));
        assert.deepEqual(Object.fromEntries(unexpected), {}, `${unexpected.length} cases fail`);
        const passing = [...expected].filter((name) => !result.failed.has(name));
        assert.deepEqual(passing, [], "these pass now: take them off the list of deviations");
      });
    }
  });
}

function bothTransports(suite: string, name: string): string[] {
  return ["false", "true"].map((tls) => `${suite}/TLS:${tls}/${name}`);
}

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openLocalCa } from "../../../src/emulator/ca.ts";
import type { RunningGateway } from "../../../src/gateway/options.ts";
import { startGateway } from "../../../src/gateway/serve.ts";
import { findPeers } from "../../../tools/peers/find-peers.ts";
import { runPeer } from "../../peers/run-peer.ts";
import { openModel } from "../open-model.ts";
import { engineNamed, suiteEngines } from "../suite-engine.ts";
import { type InteropServer, startInteropServer } from "./interop-server.ts";

const peers = await findPeers("interop-client", "interop-server");

/** One case of the client; the longest, cancel and deadline cases, take about a second. */
const CASE_MS = 30_000;

/** What grpc-go's interop server serves; UnimplementedService is missing on purpose. */
const services = [
  {
    name: "grpc.testing.TestService",
    methods: {
      EmptyCall: "unary",
      UnaryCall: "unary",
      StreamingOutputCall: "server_streaming",
      StreamingInputCall: "client_streaming",
      FullDuplexCall: "bidi_streaming",
      UnimplementedCall: "unary",
    },
  },
  {
    name: "xds.service.orca.v3.OpenRcaService",
    methods: { StreamCoreMetrics: "server_streaming" },
  },
] as const;

/** The cases of grpc-go's own interop_test.sh. */
const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "orca_per_rpc",
  "orca_oob",
  "rpc_soak",
  "channel_soak",
];
/** The client sees load reports only by this. */
const orca = `-service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`;

for (const engine of suiteEngines()) {
  for (const wire of ["h2c", "TLS"] as const) {
    describe(`grpc-go's interop client through the gateway on engine ${engine}, ${wire}`, () => {
      const folder = mkdtempSync(join(tmpdir(), "callpath-interop-"));
      const ca = openLocalCa(folder, { nowMs: Date.now });
      const tls = wire === "TLS" ? ca.issue(["localhost", "127.0.0.1"]) : undefined;
      let server: InteropServer;
      let gateway: RunningGateway;

      before(async () => {
        const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
        if (tls !== undefined) {
          writeFileSync(files.cert, tls.cert);
          writeFileSync(files.key, tls.key, { mode: 0o600 });
        }
        server = await startInteropServer(
          peers["interop-server"],
          tls === undefined ? undefined : files,
        );
        const scheme = tls === undefined ? "grpc" : "grpcs";
        gateway = await startGateway({
          model: openModel(services, `${scheme}://127.0.0.1:${server.port}`),
          port: 0,
          engine: engineNamed(engine),
          ca: [ca.certPem],
          nowMs: Date.now,
          drainMs: 1_000,
          ...(tls === undefined ? {} : { tls }),
        });
      });
      after(async () => {
        await gateway[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true });
      });

      for (const name of cases) {
        it(name, async () => {
          const where = ["-server_host=localhost", `-server_port=${gateway.url.port}`];
          const secure =
            tls === undefined ? [] : ["-use_tls", "-use_test_ca", `-ca_file=${ca.certFile}`];
          const client = peers["interop-client"];
          const load = name.startsWith("orca") ? [orca] : [];
          const args = [...where, ...secure, ...load, `-test_case=${name}`];
          const { code, output } = await runPeer(client, args, { timeoutMs: CASE_MS });
          assert.equal(code, 0, output);
        });
      }
    });
  }
}

import { resolve } from "node:path";
import process from "node:process";
import { runToEnd } from "../processes.ts";
import { type LoadOptions, type LoadResult, parseLoadResult } from "./load.ts";

/** Load by grpc-js, unary in cleartext. */
export async function loadByGrpcJs(options: LoadOptions): Promise<LoadResult> {
  const { around, target, workload, seconds, signal } = options;
  if (workload.kind !== "unary" || target.tls) throw new Error("grpc-js: unary in cleartext only");
  const args = [
    resolve(import.meta.dirname, "grpc-js-client.ts"),
    around.peers["grpc-js"],
    `127.0.0.1:${target.port}`,
    around.callerTokenFile,
    String(workload.connections),
    String(workload.inFlight),
    String(workload.bytes),
    String(seconds),
  ];
  const core = around.cores.load;
  const text = await runToEnd("grpc-js load", process.execPath, args, { core, signal });
  return parseLoadResult("grpc-js load", text);
}

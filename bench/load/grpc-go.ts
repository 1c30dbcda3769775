import { runToEnd } from "../processes.ts";
import { type LoadOptions, type LoadResult, parseLoadResult } from "./load.ts";

/** Load by grpc-go: `bench/go/load`. */
export async function loadByGrpcGo(options: LoadOptions): Promise<LoadResult> {
  const { around, target, workload, seconds, signal } = options;
  const args = [
    ...["-address", `127.0.0.1:${target.port}`],
    ...["-token", around.callerTokenFile],
    ...["-kind", workload.kind],
    ...["-bytes", String(workload.bytes)],
    ...["-connections", String(workload.connections)],
    ...["-in-flight", String(workload.inFlight)],
    ...["-seconds", String(seconds)],
    ...(target.tls ? ["-ca", around.caFile] : []),
    ...(workload.varied ? ["-deadline", "10s", "-ids"] : []),
  ];
  const core = around.cores.load;
  const text = await runToEnd("grpc-go load", around.peers["bench-load"], args, { core, signal });
  return parseLoadResult("grpc-go load", text);
}

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { runToEnd } from "../processes.ts";
import { writeIn } from "../surroundings.ts";
import type { RpcKind, Workload } from "../workload.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { quantile } from "./quantile.ts";

const paths: Readonly<Record<Exclude<RpcKind, "bidi">, string>> = {
  unary: "SayHello",
  stream: "SayHelloStream",
};

/** Load by h2load: the same request again and again, as fast as it goes. */
export async function loadByH2load(options: LoadOptions): Promise<LoadResult> {
  const { around, target, workload, seconds, signal } = options;
  const { kind, bytes, connections, inFlight } = workload;
  if (kind === "bidi") throw new Error("h2load sends its request at once: no bidi");
  const log = join(around.folder, "h2load.log");
  await rm(log, { force: true }); // it would append
  const args = [
    ...["-D", `${Math.round(seconds * 1000)}ms`, "-c", String(connections), "-m", String(inFlight)],
    ...["-d", writeIn(around.folder, `body-${bytes}`, messageOf(bytes)), `--log-file=${log}`],
    ...["-H", "content-type: application/grpc", "-H", "te: trailers"],
    ...["-H", `authorization: Bearer ${around.callerToken}`],
    `http${target.tls ? "s" : ""}://127.0.0.1:${target.port}/echo.EchoServer/${paths[kind]}`,
  ];
  const core = around.cores.load;
  const text = await runToEnd("h2load", around.peers.h2load, args, { core, signal });
  const said = parseH2load(text, workload);
  const latencies = latenciesIn(await readFile(log, "latin1"));
  return { ...said, p50Us: quantile(latencies, 0.5), p99Us: quantile(latencies, 0.99) };
}

/** h2load sees HTTP: a call refused in gRPC's form counts as a success there, but has no data. */
export function parseH2load(
  text: string,
  { kind, bytes }: Pick<Workload, "kind" | "bytes">,
): Pick<LoadResult, "done" | "failed" | "failure" | "seconds"> {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const done = number(/(\d+) succeeded/);
  const data = number(/\((\d+)\) data/);
  const lost = number(/(\d+) failed/) + number(/(\d+) errored/) + number(/(\d+) timeout/);
  const [, time, unit] = /finished in ([\d.]+)(s|ms|us)/.exec(text) ?? [];
  const seconds = Number(time) * (unit === "s" ? 1 : unit === "ms" ? 1e-3 : 1e-6);
  if (Number.isNaN(done + data + lost + seconds))
    throw new Error(`h2load printed something else: ${text.slice(-300)}`);
  const answerBytes = (bytes + FRAME_BYTES) * (kind === "stream" ? STREAM_REPLIES : 1);
  // Answers that were on their way at the end add data, so a few refused ones may hide behind them.
  const refused = Math.max(0, done - Math.floor(data / answerBytes));
  const failed = lost + refused;
  const failure =
    failed === 0 ? "" : `${lost} lost, ${refused} without their data (of ${done + lost})`;
  return { done: done - refused, failed, failure, seconds };
}

/** h2load's request log: start, status and duration in microseconds, a line each. */
function latenciesIn(log: string): Float64Array {
  const lines = log.split("\n");
  const took = new Float64Array(lines.length - 1);
  for (let i = 0; i < took.length; i++) took[i] = Number((lines[i] ?? "").split("\t")[2]);
  return took.sort();
}

/** gRPC's five bytes before a message. */
const FRAME_BYTES = 5;
/** As bench/go/wire says. */
const STREAM_REPLIES = 100;

/** One gRPC message of that size. Its content is nobody's business: the backend takes it for bytes. */
function messageOf(bytes: number): Uint8Array {
  const framed = Buffer.alloc(FRAME_BYTES + bytes, "a");
  framed[0] = 0;
  framed.writeUInt32BE(bytes, 1);
  return framed;
}

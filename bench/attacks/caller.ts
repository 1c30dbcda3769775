/**
 * A program of its own: a well-behaved client, so many calls a second on one connection. A line on stdin ends a phase:
 * what its calls saw goes to stdout as a line of JSON.
 * `node caller.ts PORT TOKEN_FILE`
 */
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import process from "node:process";
import { createInterface } from "node:readline";
import { grpcFrame } from "../../test/raw-http2.ts";
import { quantile } from "../load/quantile.ts";

/** What the calls of one phase saw. */
export interface Seen {
  readonly calls: number;
  /** Not answered with status 0, or not within `GIVE_UP_MS`. */
  readonly lost: number;
  /** How one of them ended; "": none was lost. */
  readonly failure: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

const EVERY_MS = 5;
/** A call that is not answered by then is lost. */
const GIVE_UP_MS = 5000;

const [port = "", tokenFile = ""] = process.argv.slice(2);
const authorization = `Bearer ${readFileSync(tokenFile, "utf8")}`;
const session = http2.connect(`http://127.0.0.1:${port}`);
session.on("error", () => {});
let latencies: number[] = [];
let lost = 0;
let failure = "";

function call(): void {
  const begunAt = performance.now();
  let isGood = false;
  if (session.destroyed) {
    lost++;
    failure = "its connection is gone";
    return;
  }
  const stream = session.request({
    ":method": "POST",
    ":path": "/echo.EchoServer/SayHello",
    "content-type": "application/grpc",
    te: "trailers",
    authorization,
  });
  let how = "a reset";
  const timer = setTimeout(() => {
    how = `no answer within ${GIVE_UP_MS} ms`;
    stream.close(http2.constants.NGHTTP2_CANCEL);
  }, GIVE_UP_MS);
  stream.on("response", (head) => {
    if (head["grpc-status"] !== undefined) how = `${head["grpc-status"]} ${head["grpc-message"]}`;
  });
  stream.on("trailers", (trailers) => {
    isGood = trailers["grpc-status"] === "0";
  });
  stream.on("error", () => {});
  stream.on("close", () => {
    clearTimeout(timer);
    if (isGood) latencies.push(performance.now() - begunAt);
    else {
      lost++;
      failure = how;
    }
  });
  stream.resume();
  stream.end(grpcFrame("hello world."));
}

// Due calls are made up for: a client that was held up still makes them all.
const beganAt = performance.now();
let made = 0;
setInterval(() => {
  for (const due = (performance.now() - beganAt) / EVERY_MS; made < due; made++) call();
}, EVERY_MS);

for await (const _ of createInterface(process.stdin)) {
  const sorted = latencies.toSorted((a, b) => a - b);
  const seen: Seen = {
    calls: sorted.length + lost,
    lost,
    failure,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    worstMs: sorted.at(-1) ?? 0,
  };
  latencies = [];
  lost = 0;
  failure = "";
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}
process.exit(0);

/**
 * A program of its own: load by grpc-js, which lies in the peers' folder and not in ours.
 * `node grpc-js-client.ts GRPC_JS ADDRESS TOKEN_FILE CONNECTIONS IN_FLIGHT BYTES SECONDS`
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import type { LoadResult } from "./load.ts";
import { quantile } from "./quantile.ts";

/** As much of grpc-js as is used here. */
interface GrpcJs {
  readonly Client: new (address: string, credentials: unknown, options: object) => GrpcJsClient;
  readonly Metadata: new () => { set(name: string, value: string): void };
  readonly credentials: { createInsecure(): unknown };
}
interface GrpcJsClient {
  makeUnaryRequest(
    path: string,
    serialize: (message: Buffer) => Buffer,
    deserialize: (bytes: Buffer) => Buffer,
    message: Buffer,
    metadata: unknown,
    done: (error: Error | null, reply?: Buffer) => void,
  ): void;
  close(): void;
}

const [grpcJs = "", address = "", tokenFile = "", ...counts] = process.argv.slice(2);
const [connections = 1, inFlight = 1, bytes = 12, seconds = 1] = counts.map(Number);
const { Client, Metadata, credentials } = createRequire(grpcJs)("@grpc/grpc-js") as GrpcJs;

const metadata = new Metadata();
metadata.set("authorization", `Bearer ${readFileSync(tokenFile, "utf8")}`);
const message = Buffer.alloc(bytes, "a");
message[0] = 0x0a;
message[1] = bytes - 2;
const same = (one: Buffer) => one;

const latencies: number[] = [];
let failed = 0;
let failure = "";
const beganAt = performance.now();
const endAt = beganAt + seconds * 1000;
const clients = Array.from(
  { length: connections },
  // Without it, grpc-js shares one connection between its clients.
  () => new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 }),
);
await Promise.all(
  clients.flatMap((client) => Array.from({ length: inFlight }, () => callUntilEnd(client))),
);
for (const client of clients) client.close();
latencies.sort((a, b) => a - b);
const result: LoadResult = {
  done: latencies.length,
  failed,
  failure,
  seconds: (performance.now() - beganAt) / 1000,
  p50Us: quantile(latencies, 0.5),
  p99Us: quantile(latencies, 0.99),
};
process.stdout.write(JSON.stringify(result));

function callUntilEnd(client: GrpcJsClient): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const call = () => {
    const begunAt = performance.now();
    if (begunAt >= endAt) {
      resolve();
      return;
    }
    client.makeUnaryRequest(
      "/echo.EchoServer/SayHello",
      same,
      same,
      message,
      metadata,
      (error, reply) => {
        if (error === null && reply?.length === bytes)
          latencies.push((performance.now() - begunAt) * 1000);
        else {
          failed++;
          failure = error?.message ?? `${reply?.length} bytes instead of ${bytes}`;
        }
        call();
      },
    );
  };
  call();
  return promise;
}

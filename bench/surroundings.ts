import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocalCa } from "../src/emulator/ca.ts";
import { googleClaims, TokenMaker } from "../test/token-maker.ts";
import { findPeers } from "../tools/peers/find-peers.ts";
import type { Cores } from "./cores.ts";
import { freePort, Running } from "./processes.ts";

/** Longer than any run, so that no token is refreshed in between. */
const TOKEN_LIFE_MS = 12 * 3_600_000;

export const callerAudience = "grpcs://grpc-gateway-1";
export const backendAudience = "https://echo-1234567890.us-central1.run.app";

/** Programs of others, by name. */
export type Peers = Awaited<ReturnType<typeof findBenchPeers>>;

/** Found, or installed once; named on stderr while that goes on. */
export function findBenchPeers() {
  return findPeers("envoy", "nginx", "h2load", "grpc-js", "bench-load", "bench-backend");
}

/** All that stands around a gateway: its callers' token, its issuer's keys, its own identity, its service. */
export class Surroundings implements AsyncDisposable {
  readonly peers: Peers;
  readonly cores: Cores;
  /** For configs and logs; removed at the end. */
  readonly folder: string;
  /** RS256, about 700 bytes, as Google's are. */
  readonly callerToken: string;
  readonly callerTokenFile: string;
  /** What the service wants in place of it. */
  readonly backendToken: string;
  /** Where the issuer's keys are served, as kid to PEM. */
  readonly keysUrl: string;
  readonly jwks: string;
  /** HOST:PORT, for GCE_METADATA_HOST. */
  readonly metadataHost: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  readonly backendPort: number;
  readonly #running: AsyncDisposableStack;

  private constructor(
    parts: Omit<Surroundings, typeof Symbol.asyncDispose>,
    running: AsyncDisposableStack,
  ) {
    this.peers = parts.peers;
    this.cores = parts.cores;
    this.folder = parts.folder;
    this.callerToken = parts.callerToken;
    this.callerTokenFile = parts.callerTokenFile;
    this.backendToken = parts.backendToken;
    this.keysUrl = parts.keysUrl;
    this.jwks = parts.jwks;
    this.metadataHost = parts.metadataHost;
    this.certFile = parts.certFile;
    this.keyFile = parts.keyFile;
    this.caFile = parts.caFile;
    this.backendPort = parts.backendPort;
    this.#running = running;
  }

  static async start(peers: Peers, cores: Cores, nowMs: number): Promise<Surroundings> {
    await using starting = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "callpath-bench-"));
    starting.defer(() => rmSync(folder, { recursive: true, force: true }));
    const maker = new TokenMaker();
    const mint = (audience: string, email: string) =>
      maker.mint({
        ...googleClaims(nowMs + TOKEN_LIFE_MS, audience, email),
        iat: Math.floor(nowMs / 1000),
      });
    const callerToken = mint(
      callerAudience,
      "grpc-caller-sa@callpath-local.iam.gserviceaccount.com",
    );
    const backendToken = mint(backendAudience, "gateway-sa@callpath-local.iam.gserviceaccount.com");
    const certs = await serve(starting, () => maker.pemMap);
    const metadata = await serve(starting, () => backendToken);
    const backendPort = await freePort();
    const listen = ["--listen", `127.0.0.1:${backendPort}`, "--token", backendToken];
    const backend = starting.use(
      new Running("backend", peers["bench-backend"], listen, { core: cores.load }),
    );
    await backend.listensOn(backendPort);
    const parts = {
      peers,
      cores,
      folder,
      callerToken,
      callerTokenFile: writeIn(folder, "token", callerToken),
      backendToken,
      keysUrl: `http://127.0.0.1:${certs}/certs`,
      jwks: maker.jwks,
      metadataHost: `127.0.0.1:${metadata}`,
      ...certificate(folder, nowMs),
      backendPort,
    };
    return new Surroundings(parts, starting.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#running.disposeAsync();
  }
}

/** Write a file of the run, and give its path. */
export function writeIn(folder: string, name: string, text: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

function certificate(folder: string, nowMs: number) {
  const state = join(folder, "ca");
  mkdirSync(state);
  const ca = openLocalCa(state, { nowMs: () => nowMs });
  const { cert, key } = ca.issue(["127.0.0.1", "localhost"]);
  return {
    certFile: writeIn(folder, "cert.pem", cert),
    keyFile: writeIn(folder, "key.pem", key),
    caFile: ca.certFile,
  };
}

/** A server with one answer; its port. */
async function serve(stack: AsyncDisposableStack, body: () => string): Promise<number> {
  const server: Server = createServer((_request, response) => {
    response.setHeader("metadata-flavor", "Google").end(body());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port could be had");
  return address.port;
}

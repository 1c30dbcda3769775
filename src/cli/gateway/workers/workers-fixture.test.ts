import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { KeyServer, walkthroughConfig } from "../../../../test/gateway-in-the-middle.ts";
import { type Answer, Backend, echoBack, RawClient } from "../../../../test/raw-http2.ts";
import { googleClaims, TokenMaker } from "../../../../test/token-maker.ts";
import { type LocalCa, openLocalCa } from "../../../emulator/ca.ts";

const keys = new TokenMaker();
const program = resolve("src/cli/callpath.js");
const image = resolve("gen/descriptor.pb");

/** `callpath gateway --workers N` as a process, between a backend, a key server, a metadata server and connections. */
export class RunningWorkers implements AsyncDisposable {
  readonly backend = new Backend();
  readonly keyServer = new KeyServer(keys.pemMap);
  /** A metadata server answers every path with a token. */
  readonly metadata = new KeyServer(
    keys.mint(googleClaims(Date.now(), "https://run.example.test", "gateway-sa@example.com")),
  );
  readonly #folder: string;
  readonly #clients: RawClient[] = [];
  readonly #lines: Record<"stdout" | "stderr", string[]> = { stdout: [], stderr: [] };
  #news = news();
  #child: ChildProcess | undefined;
  readonly #ca: LocalCa;
  url = new URL("http://127.0.0.1");

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "callpath-workers-"));
    this.#ca = openLocalCa(this.#folder, { nowMs: Date.now });
  }

  /** @param flags "--tls": with a certificate of its own CA, which connections trust */
  static async start(count: number, ...flags: string[]): Promise<RunningWorkers> {
    const running = new RunningWorkers();
    try {
      await running.#start(count, flags);
      return running;
    } catch (error) {
      await running[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(count: number, flags: readonly string[]): Promise<void> {
    const backendPort = await this.backend.listen();
    const jwks = await this.keyServer.listen();
    const metadata = new URL(await this.metadata.listen());
    this.configure(walkthroughConfig);
    const child = spawn(
      process.execPath,
      [
        program,
        "gateway",
        ...["--config", join(this.#folder, "api_config.yaml"), "--image", image],
        ...["--listen", "127.0.0.1:0", "--workers", `${count}`, "--json"],
        ...["--set", `BACKEND=127.0.0.1:${backendPort}`, "--set", `JWKS=${jwks}`],
        ...flags.flatMap((flag) => (flag === "--tls" ? this.#tlsFlags() : flag)),
      ],
      {
        cwd: this.#folder,
        env: { ...process.env, GCE_METADATA_HOST: metadata.host },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.#child = child;
    for (const stream of ["stdout", "stderr"] as const)
      createInterface({ input: child[stream] }).on("line", (line) => {
        this.#lines[stream].push(line);
        this.#news.resolve();
        this.#news = news();
      });
    child.once("close", () => this.#news.reject(new Error(this.#lines.stderr.join("\n"))));
    const [first] = await this.said("stdout", /./);
    this.url = new URL((JSON.parse(first ?? "") as { address: string }).address);
  }

  get child(): ChildProcess {
    assert.ok(this.#child !== undefined);
    return this.#child;
  }

  /** What was printed so far. */
  lines(stream: "stdout" | "stderr"): readonly string[] {
    return this.#lines[stream];
  }

  /** Waits for so many lines that match and gives their first group, else all of each. Rejects when the program ends before. */
  async said(stream: "stdout" | "stderr", wanted: RegExp, count = 1): Promise<string[]> {
    for (;;) {
      const found = this.#lines[stream].flatMap((line) => {
        const match = wanted.exec(line);
        return match === null ? [] : [match[1] ?? line];
      });
      if (found.length >= count) return found;
      await this.#news.promise;
    }
  }

  /** Process ids of the workers, as they were at the start. */
  async pids(): Promise<number[]> {
    const [line = ""] = await this.said("stderr", /^\d workers: processes (.*)$/);
    return line.split(", ").map(Number);
  }

  configure(text: string): void {
    const file = join(this.#folder, "api_config.yaml");
    writeFileSync(`${file}~`, text);
    renameSync(`${file}~`, file);
  }

  /** One more connection. */
  connect(): RawClient {
    const client = new RawClient(this.url, { ca: this.#ca.certPem, servername: "localhost" });
    this.#clients.push(client);
    return client;
  }

  #tlsFlags(): string[] {
    const { cert, key } = this.#ca.issue(["localhost"]);
    writeFileSync(join(this.#folder, "cert.pem"), cert);
    writeFileSync(join(this.#folder, "key.pem"), key);
    return ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
  }

  call(client: RawClient): Promise<Answer> {
    const claims = googleClaims(Date.now(), "grpcs://grpc-gateway-1");
    return client.call({
      ":path": "/echo.EchoServer/SayHello",
      authorization: `Bearer ${keys.mint(claims)}`,
    });
  }

  /** A call on each of these that the backend holds. Resolves when all are there. */
  async hold(clients: readonly RawClient[]): Promise<HeldCalls> {
    const streams: [ServerHttp2Stream, Buffer][] = [];
    const arrived = Promise.withResolvers<void>();
    this.backend.onCall = (stream, body) => {
      streams.push([stream, body]);
      if (streams.length === clients.length) arrived.resolve();
    };
    const answers = clients.map((client) => this.call(client));
    await arrived.promise;
    this.backend.onCall = echoBack;
    return {
      answers,
      release() {
        for (const [stream, body] of streams) if (!stream.destroyed) echoBack(stream, body);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const closed = once(child, "close");
      child.kill("SIGTERM");
      await closed;
    }
    await this.backend[Symbol.asyncDispose]();
    await this.keyServer[Symbol.asyncDispose]();
    await this.metadata[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Something that may be printed, or never, without anybody who waits for it. */
function news(): PromiseWithResolvers<void> {
  const coming = Promise.withResolvers<void>();
  coming.promise.catch(() => {});
  return coming;
}

export interface HeldCalls {
  readonly answers: readonly Promise<Answer>[];
  release(): void;
}

export function statusOf(answer: Answer): string | undefined {
  const status = answer.trailers["grpc-status"] ?? answer.headers["grpc-status"];
  return status === undefined ? undefined : String(status);
}

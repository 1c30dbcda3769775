import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { type Measured, measure } from "./measure.ts";

const WORKERS = 2;

export interface SoakOptions {
  readonly config: string;
  readonly image: string;
  /** `GCE_METADATA_HOST`. */
  readonly metadataHost: string;
  /** SOAK_CLOCK. */
  readonly clock: string;
}

/** `callpath gateway --workers 2 --json`, with a fast clock, and asked what its processes hold. */
export class GatewayUnderSoak implements AsyncDisposable {
  readonly url: URL;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #said: string[];

  private constructor(child: ChildProcess, folder: string, said: string[], url: URL) {
    this.#child = child;
    this.#folder = folder;
    this.#said = said;
    this.url = url;
  }

  static async start({
    config,
    image,
    metadataHost,
    clock,
  }: SoakOptions): Promise<GatewayUnderSoak> {
    const folder = mkdtempSync(join(tmpdir(), "callpath-soak-"));
    writeFileSync(configFile(folder), config);
    const hook = pathToFileURL(join(import.meta.dirname, "measured-process.ts"));
    const child = spawn(
      process.execPath,
      [
        resolve("src/cli/callpath.js"),
        "gateway",
        ...["--config", configFile(folder), "--image", image],
        ...["--listen", "127.0.0.1:0", "--workers", `${WORKERS}`, "--json"],
      ],
      {
        cwd: folder,
        env: {
          ...process.env,
          NODE_OPTIONS: `--import=${hook}`,
          SOAK_CLOCK: clock,
          SOAK_FOLDER: folder,
          GCE_METADATA_HOST: metadataHost,
        },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const said: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
    const out = createInterface({ input: child.stdout });
    const ended = once(child, "close").then(() => {
      throw new Error(`the gateway ended: ${said.join("\n")}`);
    });
    ended.catch(() => {});
    const [first] = (await Promise.race([once(out, "line"), ended])) as [string];
    // The lines of calls are read, by nobody.
    out.on("line", () => {});
    const { address } = JSON.parse(first) as { address: string };
    return new GatewayUnderSoak(child, folder, said, new URL(address));
  }

  /** Lines on stderr so far. */
  get said(): readonly string[] {
    return this.#said;
  }

  /** Have that config served. Resolves when the gateway says how that went. */
  async reload(config: string): Promise<"new" | "old"> {
    const before = this.#said.length;
    writeFileSync(`${configFile(this.#folder)}~`, config);
    renameSync(`${configFile(this.#folder)}~`, configFile(this.#folder));
    this.#child.kill("SIGHUP");
    for (;;) {
      const verdict = this.#said.slice(before).join("\n");
      if (verdict.includes("the new config serves")) return "new";
      if (verdict.includes("the old config keeps serving")) return "old";
      if (this.#child.exitCode !== null) throw new Error(`the gateway ended: ${verdict}`);
      await once(this.#child.stderr ?? this.#child, "data");
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Of the primary and each worker, after a forced collection. */
  async measure(): Promise<readonly Measured[]> {
    const [workers = ""] = this.#said.flatMap(
      (line) => /^\d workers: processes (.*)$/.exec(line)?.[1] ?? [],
    );
    const pids = [this.#child.pid ?? 0, ...workers.split(", ").map(Number)];
    return Promise.all(pids.map((pid) => measure(this.#folder, pid)));
  }

  /** SIGTERM. Resolves with the exit code. */
  async end(): Promise<number | null> {
    const { exitCode } = this.#child;
    if (exitCode !== null) return exitCode;
    const closed = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    const [code] = (await closed) as [number | null];
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    rmSync(this.#folder, { recursive: true });
  }
}

function configFile(folder: string): string {
  return join(folder, "api_config.yaml");
}

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";
import process from "node:process";
import type { Peers } from "../surroundings.ts";

/** On what the figures were made. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Of this repository; with "+" when files were changed. */
  readonly commit: string;
}

export function describeMachine(peers: Peers): Machine {
  const first = cpus()[0];
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${release()} ${arch()}`,
    versions: {
      node: process.versions.node,
      envoy: firstIn(peers.envoy, ["--version"], /\/(\d+\.\d+\.\d+)\//),
      nginx: firstIn(peers.nginx, ["-v"], /nginx\/(\S+)/),
      h2load: firstIn(peers.h2load, ["--version"], /nghttp2\/(\S+)/),
      go: firstIn("go", ["version"], /go(\d\S+)/),
      "grpc-go": /grpc (v\S+)/.exec(readFileSync(goModule, "utf8"))?.[1] ?? "unknown",
      "grpc-js":
        /"version": "([^"]+)"/.exec(readFileSync(peers["grpc-js"], "utf8"))?.[1] ?? "unknown",
    },
    commit: commit(),
  };
}

const goModule = new URL("../go/go.mod", import.meta.url);

function firstIn(command: string, args: readonly string[], pattern: RegExp): string {
  try {
    // Some say their version on stderr.
    const text = execFileSync("/bin/sh", ["-c", '"$0" "$@" 2>&1', command, ...args], {
      encoding: "utf8",
    });
    return pattern.exec(text)?.[1] ?? "unknown";
  } catch {
    return "unknown";
  }
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const isClean =
      git("status", "--porcelain", "--untracked-files=no", "--", "src", "bench") === "";
    return `${git("rev-parse", "--short=12", "HEAD")}${isClean ? "" : "+"}`;
  } catch {
    return "unknown";
  }
}

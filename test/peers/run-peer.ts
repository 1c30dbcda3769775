import { spawn } from "node:child_process";
import process from "node:process";

/** What is kept of a program's output, from its end, in characters. */
const KEPT_OUTPUT = 4_000_000;

/** How a program ended. */
export interface Ran {
  /** undefined: it was killed at its time limit, children included. */
  readonly code: number | undefined;
  /** stdout alone. */
  readonly stdout: string;
  /** stdout and stderr as they came. */
  readonly output: string;
}

export interface RunPeerOptions {
  readonly timeoutMs: number;
  /** Written to its stdin; default: it has none. */
  readonly stdin?: string;
  /** Besides the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs; default: here. */
  readonly cwd?: string;
}

/** Run a program of somebody else's to its end; whatever it does, it and its children are gone after `timeoutMs`. */
export function runPeer(
  file: string,
  args: readonly string[],
  { timeoutMs, stdin, env, cwd }: RunPeerOptions,
): Promise<Ran> {
  const child = spawn(file, args, {
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...withoutRoots(process.env), ...env },
    stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout = (stdout + text).slice(-KEPT_OUTPUT);
    output = (output + text).slice(-KEPT_OUTPUT);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-KEPT_OUTPUT);
  });
  // A program that does not read its input says why in its output.
  child.stdin?.on("error", () => {}).end(stdin);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, timeoutMs);
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  child.once("error", (cause) => {
    clearTimeout(timer);
    reject(cause);
  });
  child.once("close", (code) => {
    clearTimeout(timer);
    resolve({ code: isLate ? undefined : (code ?? -1), stdout, output });
  });
  return promise;
}

/** A machine may name trusted roots for all its programs; here a certificate counts only where a test says so. */
function withoutRoots(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const {
    SSL_CERT_FILE: _file,
    SSL_CERT_DIR: _folder,
    NODE_EXTRA_CA_CERTS: _node,
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: _grpc,
    ...rest
  } = env;
  return rest;
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";

/** grpc-go's interop server on a free port. */
export interface InteropServer extends AsyncDisposable {
  readonly port: number;
}

/** Start it; resolves when it listens. `tls`: PEM files. */
export async function startInteropServer(
  program: string,
  tls: { readonly cert: string; readonly key: string } | undefined,
): Promise<InteropServer> {
  const secure =
    tls === undefined ? [] : ["-use_tls", `-tls_cert_file=${tls.cert}`, `-tls_key_file=${tls.key}`];
  const child = spawn(program, ["-port=0", ...secure], {
    // It says its port in a log line of this level.
    env: { ...process.env, GRPC_GO_LOG_SEVERITY_LEVEL: "info" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(child, "close");
  const said: string[] = [];
  let port: string | undefined;
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    port = /interop server listening on .*:(\d+)$/.exec(line)?.[1];
    if (port !== undefined) break;
  }
  if (port === undefined) throw new Error(`the interop server did not start:\n${said.join("\n")}`);
  // Leaving the loop paused it.
  child.stderr.resume();
  return {
    port: Number(port),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

import { spawn } from "node:child_process";
import process from "node:process";

/** One installation may take this long; a compiler from cold needs minutes. */
const INSTALL_MS = 600_000;
/** What is shown of a failed installer's output, from its end. */
const SHOWN_BYTES = 2_000;

/** Run one installer to its end. Rejects with its last words, or with what to install when the installer itself is missing. */
export async function runInstaller(
  peer: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<void> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: INSTALL_MS,
    killSignal: "SIGKILL",
    ...(cwd === undefined ? {} : { cwd }),
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-SHOWN_BYTES);
    });
  }
  const line = [command, ...args].join(" ");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("error", (cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? `${command} is not installed` : cause.message;
    reject(
      new Error(`peer ${peer} is missing, and ${why}; it would be had by: ${line}`, { cause }),
    );
  });
  child.once("close", (code, signal) => {
    if (code === 0) resolve();
    else
      reject(
        new Error(
          `peer ${peer} is missing, and this failed (${signal ?? `exit ${code}`}): ${line}\n${said}`,
        ),
      );
  });
  return promise;
}

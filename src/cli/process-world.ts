import { enableCompileCache } from "node:module";
import process from "node:process";
import { INTERRUPTED, REFUSED, type World } from "./command.ts";
import { ProcessOutput } from "./process-output.ts";

/**
 * Signals of one kind that come closer together than this are one: at Ctrl-C the terminal signals the whole group, and
 * npm passes it on once more.
 */
const ONE_SIGNAL_MS = 100;

/** This process as a World. Takes over SIGINT, SIGTERM and SIGHUP. */
export function processWorld(): World {
  const abort = new AbortController();
  const hangups = new Set<() => void>();
  const abruptEnds = new Set<() => void>();
  const endAbruptly = (code: number) => {
    for (const listener of abruptEnds) listener();
    process.exit(code);
  };
  let interruptedAtMs = 0;
  const interrupt = () => {
    if (!abort.signal.aborted) {
      interruptedAtMs = performance.now();
      abort.abort();
    } else if (performance.now() - interruptedAtMs > ONE_SIGNAL_MS) endAbruptly(INTERRUPTED);
  };
  followNpm(interrupt);
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  // Without a command that listens, a hangup ends the process as it always does.
  const hangup = () => {
    if (hangups.size === 0) interrupt();
    for (const listener of hangups) listener();
  };
  process.on("SIGHUP", hangup);
  process.on("uncaughtException", (error) => {
    process.stderr.write(`callpath: a bug of callpath: ${error.stack}\n`);
    endAbruptly(1);
  });
  const outliving = new Set<(words: string) => void>();
  const outputOf = (name: "stdout" | "stderr") =>
    new ProcessOutput(process[name], {
      name,
      nowMs: Date.now,
      mayDrop: () => outliving.size > 0,
      tell: (words, kind) => {
        if (outliving.size > 0) for (const listener of outliving) listener(words);
        // `callpath … | head`: the reader has had enough.
        else if (kind === "reader is gone") endAbruptly(0);
        else if (kind === "cannot write") {
          if (name !== "stderr") stderr.write(`callpath: ${words}\n`);
          endAbruptly(REFUSED);
        }
      },
    });
  const stderr = outputOf("stderr");
  return {
    cwd: process.cwd(),
    env: process.env,
    stdin: process.stdin,
    stdout: outputOf("stdout"),
    stderr,
    signal: abort.signal,
    onHangup: (listener) => registered(hangups, listener),
    onAbruptEnd: (listener) => registered(abruptEnds, listener),
    onLostOutput: (listener) => registered(outliving, listener),
    keepCompiled: (folder) => void enableCompileCache(folder),
    nowMs: Date.now,
  };
}

/** How often to look whether the shell that npm started this in is still there. */
const PARENT_POLL_MS = 250;

/**
 * npm and npx pass SIGTERM on to the shell they run a command in, and a shell dies of it without a word to the command.
 * Started by them, this program ends when its shell does; started otherwise, it may outlive whoever started it.
 */
function followNpm(interrupt: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    interrupt();
  }, PARENT_POLL_MS);
  timer.unref();
}

function registered<L>(listeners: Set<L>, listener: L): Disposable {
  listeners.add(listener);
  return { [Symbol.dispose]: () => void listeners.delete(listener) };
}

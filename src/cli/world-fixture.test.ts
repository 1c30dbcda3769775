import { Readable } from "node:stream";
import type { Output, World } from "./command.ts";

/** A World for tests: what was printed, and signals on request. */
export interface FakeWorld extends World {
  out(): string;
  err(): string;
  interrupt(): void;
  hangup(): void;
}

/** Everything but the given parts is empty; the clock is the real one. */
export function fakeWorld(
  parts: Partial<Pick<World, "cwd" | "env" | "nowMs">> & {
    readonly stdin?: string;
    readonly isTerminal?: boolean;
  } = {},
): FakeWorld {
  const abort = new AbortController();
  const hangups = new Set<() => void>();
  const out = recorder(parts.isTerminal ?? false);
  const err = recorder(false);
  return {
    cwd: parts.cwd ?? "/",
    env: parts.env ?? {},
    stdin: Readable.from(parts.stdin === undefined ? [] : [Buffer.from(parts.stdin)]),
    stdout: out,
    stderr: err,
    signal: abort.signal,
    onHangup(listener) {
      hangups.add(listener);
      return { [Symbol.dispose]: () => void hangups.delete(listener) };
    },
    onAbruptEnd: () => ({ [Symbol.dispose]() {} }),
    onLostOutput: () => ({ [Symbol.dispose]() {} }),
    keepCompiled() {},
    nowMs: parts.nowMs ?? Date.now,
    out: out.text,
    err: err.text,
    interrupt: () => abort.abort(),
    hangup() {
      for (const listener of hangups) listener();
    },
  };
}

function recorder(isTerminal: boolean): Output & { text(): string } {
  let text = "";
  return {
    write(more) {
      text += more;
    },
    isTerminal,
    columns: 80,
    text: () => text,
  };
}

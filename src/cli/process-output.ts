import { fstatSync, writeSync } from "node:fs";
import type { Writable } from "node:stream";
import type { Output } from "./command.ts";

/** What may wait for a reader before lines are dropped. Against: a reader that stopped, and a log that fills memory. */
export const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** A loss is told again after this. Against: a disk that is full, and not, and full. */
const TELL_AGAIN_MS = 10_000;

/** stdout or stderr as node:process has it. */
export interface ProcessStream extends Writable {
  readonly fd?: number;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ProcessOutputOptions {
  readonly name: "stdout" | "stderr";
  readonly nowMs: () => number;
  /** Something could not be written, or can again. Called once for each of the two, not for each line. */
  readonly tell: (words: string, kind: "reader is gone" | "cannot write" | "writes again") => void;
  /** Whether lines may be dropped to keep memory bounded. */
  readonly mayDrop: () => boolean;
}

/**
 * Where a process writes, as something that can fail: on a full disk, with a reader that is gone or does not read. What
 * cannot be written is dropped, whole chunks of it, and goes on when it can be written again.
 * States: writing; losing (since the last chunk that was dropped); gone (its reader is).
 */
export class ProcessOutput implements Output {
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly #stream: ProcessStream;
  readonly #options: ProcessOutputOptions;
  /** A file, which node writes at once and never again after a fault: so it is written here. */
  readonly #fd: number | undefined;
  #dropped = 0;
  #isTold = false;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #isGone = false;
  /** A fault cut a line off. */
  #isCut = false;

  constructor(stream: ProcessStream, options: ProcessOutputOptions) {
    this.#stream = stream;
    this.#options = options;
    this.isTerminal = stream.isTTY === true;
    this.columns = stream.columns ?? 80;
    this.#fd = fileOf(stream);
    stream.on("error", (error: NodeJS.ErrnoException) => {
      this.#isGone = true;
      this.#lose("", error.code === "EPIPE" ? "reader is gone" : "cannot write", error.message);
    });
  }

  write(text: string): void {
    if (text === "") return;
    if (this.#isGone) this.#dropped += linesIn(text);
    else if (this.#fd !== undefined) this.#writeFile(this.#fd, text);
    else if (
      this.#stream.writableLength + text.length > MAX_WAITING_BYTES &&
      this.#options.mayDrop()
    )
      this.#lose(text, "cannot write", `nobody reads it, and ${MAX_WAITING_BYTES} bytes wait`);
    else {
      this.#recovered();
      this.#stream.write(text);
    }
  }

  #writeFile(fd: number, text: string): void {
    const bytes = Buffer.from(this.#isCut ? `\n${text}` : text);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written);
    } catch (error) {
      const last = written > 0 ? bytes[written - 1] : undefined;
      this.#isCut = last === undefined ? this.#isCut : last !== LF;
      this.#lose(text, "cannot write", error instanceof Error ? error.message : String(error));
      return;
    }
    this.#isCut = false;
    this.#recovered();
  }

  #lose(text: string, kind: "reader is gone" | "cannot write", why: string): void {
    this.#dropped += linesIn(text);
    const now = this.#options.nowMs();
    // A clock that was set back counts as time passed.
    const isRecent = now >= this.#toldAtMs && now < this.#toldAtMs + TELL_AGAIN_MS;
    if (this.#isTold || isRecent) return;
    this.#isTold = true;
    this.#toldAtMs = now;
    const until = this.#isGone ? "from now on" : "until it can";
    this.#options.tell(
      `${this.#options.name} cannot be written (${why}): lines are dropped ${until}`,
      kind,
    );
  }

  #recovered(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (!this.#isTold) return;
    this.#isTold = false;
    const { name, tell } = this.#options;
    tell(`${name} is written again; ${dropped} lines were dropped`, "writes again");
  }
}

const LF = 10;

function linesIn(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

/** undefined: a terminal, a pipe, a socket, or closed. */
function fileOf({ fd, isTTY }: ProcessStream): number | undefined {
  if (fd === undefined || isTTY === true) return undefined;
  try {
    const kind = fstatSync(fd);
    return kind.isFile() || kind.isCharacterDevice() ? fd : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves when all that was written has left, or after that time: a reader that does not read must not hold an end. */
export function whenWritten(stream: Writable, mostMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, mostMs);
    stream.write("", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

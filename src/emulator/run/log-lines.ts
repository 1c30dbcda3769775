import type { Readable } from "node:stream";

/** Longest line kept; the rest of a longer one is dropped (Cloud Logging: 256 KiB an entry). */
export const MAX_LINE_CHARACTERS = 64 * 1024;
const CUT = " … (line cut)";

/**
 * Hand each line of a program's output to `onLine`, without its end. The program is not read further until a promise
 * that `onLine` returned is settled, so that who cannot keep up slows it down instead of filling memory. Resolves at
 * the end of the output, which is also where the stream fails or is destroyed.
 */
export async function readLines(
  output: Readable,
  onLine: (line: string) => void | Promise<void>,
): Promise<void> {
  output.setEncoding("utf8");
  let rest = "";
  let isCut = false;
  const emit = async (text: string): Promise<void> => {
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    await onLine(isCut ? `${line}${CUT}` : line);
    isCut = false;
  };
  try {
    for await (const chunk of output as AsyncIterable<string>) {
      const lines = chunk.split("\n");
      for (const [index, piece] of lines.entries()) {
        const room = MAX_LINE_CHARACTERS - rest.length;
        if (piece.length > room) isCut = true;
        rest += piece.slice(0, room);
        if (index === lines.length - 1) continue;
        await emit(rest);
        rest = "";
      }
    }
  } catch {
    // Destroyed by whoever ended the program: what came until then is all there is.
  }
  if (rest !== "") await emit(rest);
}

/** The last lines a program wrote, for whoever has to say why it ended. */
export class LastLines {
  readonly #lines: string[] = [];
  readonly #most: number;
  readonly #mostCharacters: number;

  constructor(most = 20, mostCharacters = 500) {
    this.#most = most;
    this.#mostCharacters = mostCharacters;
  }

  add(line: string): void {
    this.#lines.push(
      line.length > this.#mostCharacters ? `${line.slice(0, this.#mostCharacters)}…` : line,
    );
    if (this.#lines.length > this.#most) this.#lines.shift();
  }

  get all(): readonly string[] {
    return this.#lines;
  }
}

import { InputError } from "./command.ts";
import { readText } from "./project.ts";

/** A file as text, or all of standard input for `-`. Throws InputError when it is not there or too large. */
export async function readInput(
  file: string,
  { cwd, stdin }: { readonly cwd: string; readonly stdin: AsyncIterable<unknown> },
  maxBytes: number,
): Promise<string> {
  if (file !== "-") return readText(file, cwd);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    const buffer = Buffer.from(chunk as Uint8Array);
    bytes += buffer.length;
    if (bytes > maxBytes) throw new InputError(`standard input is longer than ${maxBytes} bytes`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

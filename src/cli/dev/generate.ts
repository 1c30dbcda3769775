import { relative } from "node:path";
import { type CommandRun, runCommand } from "./run-command.ts";

/** What became of `buf generate` and `buf build`: fine, or one clear line. */
export type Generated = { readonly fault: string | undefined };

export interface GenerateOptions extends Pick<CommandRun, "env" | "signal" | "onAbruptEnd"> {
  /** The project's folder: where buf.yaml is. */
  readonly folder: string;
  /** The descriptor image, absolute. */
  readonly image: string;
}

/** The user's two habits after an edit of a proto, as one: stubs and image. Together, since each takes a second. */
export async function generate({ folder, image, ...rest }: GenerateOptions): Promise<Generated> {
  const buf = async (args: readonly string[]): Promise<string | undefined> => {
    const lines: string[] = [];
    const onLine = (_: string, line: string) => {
      if (line.trim() !== "" && lines.length < MAX_LINES) lines.push(line);
    };
    const end = await runCommand({ ...rest, command: "buf", args, cwd: folder, onLine });
    if (end.code === 0) return undefined;
    if (end.isMissing)
      return "buf is not here, so proto/ cannot be generated: run npm ci, or install buf (https://buf.build/docs/cli)";
    return lines[0] === undefined ? `buf ${args[0]}: ${end.how}` : cleanLine(lines[0]);
  };
  const built = await buf(["build", "-o", relative(folder, image)]);
  if (built !== undefined) return { fault: built };
  return { fault: await buf(["generate"]) };
}

/** Lines of a failing buf that are kept. */
const MAX_LINES = 20;

/** buf marks its own faults with `Failure: `. */
function cleanLine(line: string): string {
  return line.replace(/^Failure: /, "");
}

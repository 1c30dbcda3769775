import type { Context } from "../command.ts";
import type { DevAddresses } from "./dev-state.ts";
import { type CommandEnd, runCommand } from "./run-command.ts";

export interface RunClientOptions extends Pick<Context, "env" | "signal" | "onAbruptEnd"> {
  readonly command: string;
  readonly folder: string;
  readonly addresses: DevAddresses;
  readonly audience: string | undefined;
  /** Fold what is long: on a terminal. */
  readonly isFolded: boolean;
  readonly print: (line: string) => void;
  readonly note: (line: string) => void;
}

/** Replies shown before the rest is folded. */
const SHOWN = 2;

/** The first calls: the project's own client, with the walkthrough's flags. Its output is printed as it comes. */
export async function runClient(
  options: RunClientOptions,
): Promise<CommandEnd & { readonly folded: number }> {
  const { command, folder, addresses, audience, isFolded, print, note, ...rest } = options;
  const { host, hostname } = new URL(addresses.gateway);
  let shown = 0;
  let folded = 0;
  const end = await runCommand({
    ...rest,
    command,
    args: [
      ...["--address", host],
      ...(audience === undefined ? [] : ["--audience", audience]),
      ...["--servername", hostname],
      ...["--cacert", addresses.ca],
      ...["--serviceAccount", addresses.clientKey],
    ],
    cwd: folder,
    onLine: (stream, line) => {
      if (stream === "stderr") note(line);
      else if (!isFolded) print(line);
      // Indented lines are about the reply above them.
      else if (/^\s*$|^\s/.test(line)) return;
      else if (shown++ < SHOWN) print(line);
      else folded += 1;
    },
  });
  return { ...end, folded };
}

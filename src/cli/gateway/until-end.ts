import { once } from "node:events";
import type { Context } from "../command.ts";
import type { GatewayFlags } from "../gateway.ts";
import { watchFiles } from "../watch-files.ts";

/** Reload at SIGHUP, and with `--watch` when one of these files changed, until a signal ends it. */
export async function untilEnd(
  { flags, note, signal, onHangup }: Context<GatewayFlags>,
  reload: () => void,
  paths: readonly string[],
): Promise<void> {
  using _ = onHangup(reload);
  await using _watcher = flags.watch
    ? await watchFiles({
        paths,
        onChange: reload,
        onError: ({ message }) => note(`warning: watching: ${message}`),
      })
    : undefined;
  if (!signal.aborted) await once(signal, "abort");
}

import { once } from "node:events";
import { causeText } from "../../../auth/fetch-text.ts";
import type { RunningGateway } from "../../../gateway/options.ts";
import { startGateway } from "../../../gateway/serve.ts";
import { untilAborted } from "../../../gateway/until-aborted.ts";
import { DONE, REFUSED, type World } from "../../command.ts";
import { jsonLines } from "../../json-lines.ts";
import { resolveConfig } from "../../load-config.ts";
import { gatewayOptions } from "../gateway-settings.ts";
import type { NumberedConfig } from "./messages.ts";
import type { PrimaryLink, Start } from "./primary-link.ts";

/**
 * One of `--workers`: a whole gateway, but connections, config, tokens and keys come from the primary. Ends with 0
 * after its drain when the primary says so, is gone, or a signal came; with 1 when it cannot serve.
 */
export async function serveWorker(world: World, link: PrimaryLink): Promise<number> {
  // Who signals the whole group means the primary, which reloads all workers.
  using _ = world.onHangup(() => {});
  // Also when nobody reads what it writes: a call matters more than its line.
  using _lost = world.onLostOutput(
    (words) => void link.send({ kind: "log", severity: "WARNING", message: words }),
  );
  const signal = AbortSignal.any([world.signal, link.ended]);
  using lines = jsonLines(world.stdout);
  let running: RunningGateway;
  try {
    const start = await untilAborted(link.start(), signal);
    running = await serve(start, world, link, signal, (event) => lines.write(event));
  } catch (error) {
    if (signal.aborted) return DONE;
    await link.send({ kind: "failed", fault: causeText(error) });
    return REFUSED;
  }
  await using gateway = running;
  link.onReload = (config) => void reload(gateway, config, link);
  await link.send({ kind: "ready" });
  if (!signal.aborted) await once(signal, "abort");
  // By a signal of its own: not before the primary knows, and all that it handed over is here.
  await link.send({ kind: "leaving" });
  if (!link.ended.aborted) await once(link.ended, "abort");
  return DONE;
}

async function serve(
  { settings, config, hasTokens }: Start,
  { nowMs }: World,
  link: PrimaryLink,
  signal: AbortSignal,
  write: (event: object) => void,
): Promise<RunningGateway> {
  return startGateway({
    ...(await gatewayOptions(settings)),
    model: resolveConfig(config.config, () => {}),
    connections: link,
    fetchKeys: link.fetchKeys,
    ...(hasTokens ? { backendTokens: link.tokens } : {}),
    signal,
    nowMs,
    log: (severity, message) => void link.send({ kind: "log", severity, message }),
    ...(settings.json ? { onTraffic: (event) => write({ event: "rpc", ...event }) } : {}),
  });
}

async function reload(
  gateway: RunningGateway,
  { version, config }: NumberedConfig,
  link: PrimaryLink,
): Promise<void> {
  let fault: string | undefined;
  try {
    await gateway.reload(resolveConfig(config, () => {}));
  } catch (error) {
    fault = causeText(error);
  }
  await link.send({ kind: "reloaded", version, fault });
}

import type { GatewayModel } from "../../config/model.ts";
import type { GatewayOptions, RunningGateway } from "../../gateway/options.ts";
import { startGateway } from "../../gateway/serve.ts";
import { type Context, DONE, UsageError } from "../command.ts";
import type { GatewayFlags } from "../gateway.ts";
import { jsonLines } from "../json-lines.ts";
import { listenFault } from "../listen-fault.ts";
import { type ConfigInput, configSources, readConfig, resolveConfig } from "../load-config.ts";
import { findProject } from "../project.ts";
import { backendTokensOf, gatewayOptions, gatewaySettings } from "./gateway-settings.ts";
import { configReloader } from "./reload-config.ts";
import { tuneHeap } from "./tune-heap.ts";
import { untilEnd } from "./until-end.ts";

/** More processes than any machine has cores. Against: a number meant for something else. */
const MAX_WORKERS = 256;

/** Serve until a signal. Resolves with 0 after the drain. */
export async function runGateway(context: Context<GatewayFlags>): Promise<number> {
  const { flags, cwd, env, note, signal, nowMs } = context;
  const count = workerCount(flags.workers);
  const settings = gatewaySettings(context);
  // A gateway whose log is lost still serves.
  using _ = context.onLostOutput((words) => note(`warning: ${words}`));
  const { backend } = settings;
  const sources = { ...configSources(flags, cwd, env, findProject(cwd)), backend };
  const paths = [sources.config, sources.image];
  const load = (): { config: ConfigInput; model: GatewayModel } => {
    const config = readConfig(sources, cwd);
    return { config, model: resolveConfig(config, note) };
  };
  const { config, model } = load();
  const tokens = await backendTokensOf(context, settings, model);
  if (count > 1) {
    const { runWorkers } = await import("./workers/run-workers.ts");
    const loadInput = () => load().config;
    return await runWorkers(context, { count, settings, config, load: loadInput, paths, tokens });
  }
  tuneHeap();
  using lines = jsonLines(context.stdout);
  const options: GatewayOptions = {
    ...(await gatewayOptions(settings)),
    ...(tokens === undefined ? {} : { backendTokens: tokens }),
    model,
    signal,
    nowMs,
    log: (severity, message) => note(`${severity.toLowerCase()}: ${message}`),
    ...(flags.json ? { onTraffic: (event) => lines.write({ event: "rpc", ...event }) } : {}),
  };
  const running = await start(options, flags.listen ?? "127.0.0.1:8080", signal);
  if (running === undefined) return DONE;
  await using gateway = running;
  const address = gateway.url.origin;
  if (flags.json) lines.write({ event: "listening", address });
  else context.print(`listening on ${address}`);
  await untilEnd(
    context,
    configReloader(load, (loaded) => gateway.reload(loaded.model), note),
    paths,
  );
  return DONE;
}

/** undefined: a signal came before the gateway listened. */
async function start(
  options: GatewayOptions,
  listen: string,
  signal: AbortSignal,
): Promise<RunningGateway | undefined> {
  try {
    return await startGateway(options);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw listenFault(error, listen, "--listen HOST:PORT") ?? error;
  }
}

function workerCount(text = "1"): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MAX_WORKERS)
    throw new UsageError(`--workers ${text}: write a number from 1 to ${MAX_WORKERS}`);
  return count;
}

import { once } from "node:events";
import type { TokenSource } from "../../auth/token-source.ts";
import type { GatewayModel } from "../../config/model.ts";
import type { GatewayOptions, RunningGateway } from "../../gateway/options.ts";
import { startGateway } from "../../gateway/serve.ts";
import { callpathEngine } from "../../http2/engine.ts";
import type { Engine } from "../../http2/exchange.ts";
import { parseBackend, parseListen, parseResolve } from "../addresses.ts";
import { type Context, DONE, UsageError } from "../command.ts";
import type { GatewayFlags } from "../gateway.ts";
import { tokenSourceOf } from "../identity.ts";
import { jsonLines } from "../json-lines.ts";
import { listenFault } from "../listen-fault.ts";
import { configSources, loadConfig } from "../load-config.ts";
import { findProject } from "../project.ts";
import { readRoots, tlsOf } from "../tls-files.ts";
import { watchFiles } from "../watch-files.ts";

/** Serve until a signal. Resolves with 0 after the drain. */
export async function runGateway(context: Context<GatewayFlags>): Promise<number> {
  const { flags, cwd, env, note, signal, nowMs } = context;
  const listen = parseListen("listen", flags.listen ?? "127.0.0.1:8080");
  const sources = {
    ...configSources(flags, cwd, env, findProject(cwd)),
    backend: flags.backend === undefined ? undefined : parseBackend(flags.backend).href,
  };
  const load = () => loadConfig(sources, cwd, note);
  const model = load();
  using lines = jsonLines(context.stdout);
  const options: GatewayOptions = {
    ...(await optionsOf(context, model)),
    ...listen,
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

  const reload = reloader(gateway, load, note);
  using _ = context.onHangup(reload);
  await using _watcher = flags.watch
    ? await watchFiles({
        paths: [sources.config, sources.image],
        onChange: reload,
        onError: ({ message }) => note(`warning: watching: ${message}`),
      })
    : undefined;
  if (!signal.aborted) await once(signal, "abort");
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

async function optionsOf(
  { flags, cwd, env, nowMs }: Context<GatewayFlags>,
  model: GatewayModel,
): Promise<Partial<GatewayOptions>> {
  const ca = flags.ca === undefined ? undefined : [readRoots("ca", flags.ca, cwd)];
  const resolve = parseResolve(flags.resolve);
  const backendTokens = await backendTokensOf(flags.identity, model, (identity) =>
    tokenSourceOf(identity, {
      metadataHost: env.GCE_METADATA_HOST,
      iamEndpoint: flags["iam-endpoint"],
      reach: { ca, resolve },
      nowMs,
    }),
  );
  return {
    engine: await engineOf(flags.engine),
    resolve,
    ...tlsOf(flags["tls-cert"], flags["tls-key"], cwd),
    ...(ca === undefined ? {} : { ca }),
    ...(backendTokens === undefined ? {} : { backendTokens }),
    ...(flags.backend === undefined ? {} : { backend: parseBackend(flags.backend) }),
    ...(flags["header-prefix"] === undefined
      ? {}
      : { headerPrefix: headerPrefix(flags["header-prefix"]) }),
    ...(flags.healthz === undefined ? {} : { healthz: healthPath(flags.healthz) }),
  };
}

/** Default: the metadata server, when a rule needs a token. */
async function backendTokensOf(
  identity: string | undefined,
  model: GatewayModel,
  sourceOf: (identity: string) => Promise<TokenSource | undefined>,
): Promise<TokenSource | undefined> {
  const isNeeded = [...model.routes.values()].some(
    ({ upstream }) => upstream.jwtAudience !== undefined,
  );
  return sourceOf(identity ?? (isNeeded ? "metadata" : "none"));
}

async function engineOf(name: string | undefined): Promise<Engine> {
  if (name === undefined || name === "callpath") return callpathEngine;
  if (name !== "node") throw new UsageError(`--engine ${name}: write callpath or node`);
  return (await import("../../http2/node-engine.ts")).nodeEngine;
}

function headerPrefix(text: string): string {
  const prefix = text.toLowerCase();
  if (prefix !== "x-apigateway-" && prefix !== "x-endpoint-")
    throw new UsageError(`--header-prefix ${text}: write X-Apigateway- or X-Endpoint-`);
  return prefix;
}

function healthPath(text: string): string {
  if (text === "" || /[^!-~]/.test(text))
    throw new UsageError(`--healthz ${text}: write a path, /healthz`);
  return text.startsWith("/") ? text : `/${text}`;
}

/** Load again, one load at a time; a config that is broken is told, and the old one keeps serving. */
function reloader(
  gateway: RunningGateway,
  load: () => GatewayModel,
  note: (line: string) => void,
): () => void {
  let isLoading = false;
  let again = false;
  const run = async () => {
    try {
      await gateway.reload(load());
      note("the new config serves");
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      note(`${fault}\nthe old config keeps serving`);
    }
  };
  const reload = () => {
    again = isLoading;
    if (isLoading) return;
    isLoading = true;
    void run().finally(() => {
      isLoading = false;
      if (again) reload();
    });
  };
  return reload;
}

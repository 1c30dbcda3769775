import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { causeText } from "../../../auth/fetch-text.ts";
import type { TokenSource } from "../../../auth/token-source.ts";
import { keyServers } from "../../../gateway/fetch-keys.ts";
import { untilAborted } from "../../../gateway/until-aborted.ts";
import { sharedKeys } from "../../../gateway/workers/shared-keys.ts";
import { sharedTokens } from "../../../gateway/workers/shared-tokens.ts";
import { type Context, DONE } from "../../command.ts";
import type { GatewayFlags } from "../../gateway.ts";
import { jsonLines } from "../../json-lines.ts";
import { listenFault } from "../../listen-fault.ts";
import type { ConfigInput } from "../../load-config.ts";
import type { GatewaySettings } from "../gateway-settings.ts";
import { configReloader } from "../reload-config.ts";
import { untilEnd } from "../until-end.ts";
import type { Answer, Question } from "./messages.ts";
import { saidOnce } from "./said-once.ts";
import { WorkerPool } from "./worker-pool.ts";
import { WorkerProcess } from "./worker-process.ts";

export interface WorkersOptions {
  readonly count: number;
  readonly settings: GatewaySettings;
  readonly config: ConfigInput;
  /** The config as it is on disk now, checked. Throws InputError. */
  readonly load: () => ConfigInput;
  /** Files that the config is read from. */
  readonly paths: readonly string[];
  readonly tokens: TokenSource | undefined;
}

/**
 * Serve with several processes until a signal. This one serves no call: it accepts connections and hands them to
 * workers, checks the config for all of them, and fetches their keys and tokens. Resolves with 0 after their drain.
 */
export async function runWorkers(
  context: Context<GatewayFlags>,
  { count, settings, config, load, paths, tokens }: WorkersOptions,
): Promise<number> {
  const { env, flags, note, signal, nowMs, stdout, stderr } = context;
  const { ca, resolve } = settings;
  using keys = sharedKeys(keyServers({ ca, resolve }), { nowMs });
  using minted = tokens === undefined ? undefined : sharedTokens(tokens, { nowMs });
  const say = saidOnce(note, nowMs);
  // At a second signal workers end too, without the rest of their drain: so this is let go of last.
  using _ = context.onAbruptEnd(() => pool.kill());
  await using pool = new WorkerPool({
    count,
    settings,
    config,
    hasTokens: tokens !== undefined,
    fork: (number, version, events) => new WorkerProcess(number, version, env, events),
    note,
    log: (severity, message) => say(`${severity.toLowerCase()}: ${message}`),
    onLines: (lines) => (isJson(lines) ? stdout : stderr).write(lines),
    answer: (question) => answer(question, keys, minted),
    nowMs,
  });
  try {
    await untilAborted(pool.start(), signal);
  } catch (error) {
    if (signal.aborted) return DONE;
    throw error;
  }
  using listener = await listen(settings, pool, flags.listen);
  note(`${count} workers: processes ${pool.pids.join(", ")}`);
  const address = addressOf(listener.server, settings);
  if (flags.json) {
    using lines = jsonLines(stdout);
    lines.write({ event: "listening", address });
  } else context.print(`listening on ${address}`);
  pool.speak();
  await untilEnd(
    context,
    configReloader(load, (loaded) => pool.reload(loaded), note),
    paths,
  );
  return DONE;
}

async function answer(
  question: Question,
  keys: ReturnType<typeof sharedKeys>,
  tokens: TokenSource | undefined,
): Promise<Answer> {
  try {
    if (question.kind === "keys") return { ok: true, value: await keys(new URL(question.href)) };
    if (tokens === undefined) throw new Error("there is no source of backend tokens");
    return { ok: true, value: await tokens(question.audience) };
  } catch (error) {
    return { ok: false, fault: causeText(error) };
  }
}

/** The engine's own words when a process dies (memory, a failed check) are no events. */
function isJson(lines: string): boolean {
  return !/^(?!\{)./m.test(lines);
}

/** Throws InputError when the address cannot be had. Disposing: no more connections. */
async function listen(
  { host, port }: GatewaySettings,
  pool: WorkerPool,
  flag = "127.0.0.1:8080",
): Promise<{ readonly server: Server } & Disposable> {
  // Nothing is read here: what a caller sends is its worker's to read.
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    pool.take(socket);
  });
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw listenFault(error, flag, "--listen HOST:PORT") ?? error;
  }
  // An error of the listener (out of descriptors) costs the connection it was for.
  server.on("error", () => {});
  return { server, [Symbol.dispose]: () => void server.close() };
}

function addressOf(server: Server, { host, tls }: GatewaySettings): string {
  const { port } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return new URL(`${tls === undefined ? "http" : "https"}://${name}:${port}`).origin;
}

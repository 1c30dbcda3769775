import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { unlessAborted } from "../../auth/unless-aborted.ts";
import type { RunningEmulator } from "../../emulator/running-emulator.ts";
import { startEmulator } from "../../emulator/start.ts";
import { type Context, DONE, FailedError, REFUSED } from "../command.ts";
import type { DevFlags } from "../dev.ts";
import { loadConfig, templateValues } from "../load-config.ts";
import { shownPath } from "../project.ts";
import { watchFiles } from "../watch-files.ts";
import { type ChosenPorts, choosePorts } from "./choose-ports.ts";
import { devFacts, screenFacts } from "./dev-facts.ts";
import { type DevOutput, devOutput } from "./dev-output.ts";
import { type DevSetup, devSetup } from "./dev-setup.ts";
import type { DevFacts } from "./dev-state.ts";
import { DevTraffic } from "./dev-traffic.ts";
import { generate } from "./generate.ts";
import { LocalDeployment } from "./local-deployment.ts";
import { startLocalFace } from "./local-face.ts";
import { claimState } from "./one-dev.ts";
import { faultText, reactToChanges } from "./react-to-changes.ts";
import { runClient } from "./run-client.ts";
import { searchPath } from "./run-command.ts";
import { serverLog } from "./server-log.ts";

/** Everything must be gone this long after a signal, in milliseconds; what is left then is killed. */
const END_MS = 7_500;

/** What one dev consists of. */
interface Dev {
  readonly context: Context<DevFlags>;
  readonly setup: DevSetup;
  readonly output: DevOutput;
  readonly traffic: DevTraffic;
  readonly ports: ChosenPorts;
}

/** Start everything, call it, stay until a signal. 0 when it was stopped; with --once 1 when a call failed. */
export async function runDev(context: Context<DevFlags>): Promise<number> {
  const { flags, cwd, env, note, nowMs, signal } = context;
  const setup = devSetup(context);
  checkConfig(setup, env);
  using output = devOutput(context, flags.json);
  using traffic = new DevTraffic((call) => output.call(call), nowMs);
  let running: { readonly emulator: RunningEmulator; readonly facts: () => DevFacts } | undefined;
  await using face = await startLocalFace({
    facts: () => running?.facts(),
    mint(email, audience) {
      if (running === undefined) throw new Error("callpath dev is still starting");
      return running.emulator.issuer.mint({ email, audience });
    },
    traffic: traffic.ring,
  });
  const state = { pid: process.pid, face: face.origin, secret: face.secret };
  await using claim = await claimState(setup.stateDir, shownPath(setup.stateDir, cwd), state);
  using _ = context.onAbruptEnd(claim.drop);
  const ports = await choosePorts(setup.portBase);
  if (ports.note !== undefined) note(`warning: ${ports.note}`);

  if (signal.aborted) return DONE;
  const dev: Dev = { context, setup, output, traffic, ports };
  const emulator = await openEmulator(dev);
  const ends: AsyncDisposable[] = [emulator];
  try {
    signal.throwIfAborted();
    const deployment = openDeployment(dev, emulator);
    const [{ revision, url: run }, gateway] = await unlessAborted(
      Promise.all([deployService(deployment), deployment.serveConfig()]),
      signal,
    );
    const origins = { gateway: gateway.origin, run: run.origin };
    running = { emulator, facts: () => devFacts(setup, emulator, deployment, origins) };
    const facts = running.facts();
    output.ready(facts, screenFacts(setup, facts, deployment, { cwd, revision }));
    if (!flags.once) ends.push(await follow(dev, deployment));
    const code = await firstCalls(dev, facts);
    if (flags.once || signal.aborted) return code;
    traffic.tellFromNow();
    output.hints({ call: setup.call, live: liveNames(setup) });
    if (!signal.aborted) await once(signal, "abort");
    return DONE;
  } catch (error) {
    if (signal.aborted) return DONE;
    throw error;
  } finally {
    const ended = Promise.allSettled(ends.map((one) => one[Symbol.asyncDispose]()));
    await Promise.race([ended, delay(END_MS, undefined, { ref: false })]);
  }
}

/** The config's own faults are said before anything starts. */
function checkConfig({ sources, folder }: DevSetup, env: Context["env"]): void {
  const placeholders = {
    PROJECT_ID: "callpath-local",
    MANAGED_SERVICE: "api-local.apigateway.callpath-local.cloud.goog",
    ADDRESS: "localhost:8444",
    RUN_URL: "https://localhost:8444",
  };
  const values = { ...templateValues([], env), ...placeholders, ...sources.values };
  loadConfig({ ...sources, values }, folder, () => {});
}

async function openEmulator({
  context,
  setup,
  output,
  traffic,
  ports,
}: Dev): Promise<RunningEmulator> {
  const { env, nowMs, note } = context;
  const onLog = serverLog({
    onTraffic: (event) => traffic.add(event),
    show: (line) => output.say(line),
    nowMs,
  });
  return startEmulator({
    stateDir: setup.stateDir,
    nowMs,
    ...(ports.base === undefined ? {} : { portBase: ports.base }),
    env: { ...env, PATH: searchPath(setup.folder, env.PATH) },
    onTraffic: (event) => traffic.add(event),
    onLog,
    log: (severity, message) => note(`${severity.toLowerCase()}: ${message}`),
  });
}

function openDeployment(
  { context, setup, ports }: Dev,
  emulator: RunningEmulator,
): LocalDeployment {
  const address = `localhost:${ports.run}`;
  return new LocalDeployment({
    setup,
    emulator,
    runUrl: `https://${address}`,
    values: {
      PROJECT_ID: emulator.project.projectId,
      ADDRESS: address,
      RUN_URL: `https://${address}`,
      ...setup.sources.values,
    },
    outerValues: templateValues([], context.env),
    note: context.note,
  });
}

/** A server that does not start at all ends the dev, with what it said. */
async function deployService(deployment: LocalDeployment) {
  try {
    return await deployment.deployService();
  } catch (cause) {
    throw new FailedError(`the server did not start: ${faultText(cause)}`, { cause });
  }
}

/** The project's client calls through everything. 1 when it failed, or a call of it did. */
async function firstCalls(
  { context, setup, output, traffic }: Dev,
  facts: DevFacts,
): Promise<number> {
  const { env, signal, onAbruptEnd, note, stdout, flags } = context;
  if (setup.client === undefined) return DONE;
  const end = await runClient({
    env,
    signal,
    onAbruptEnd,
    command: setup.client,
    folder: setup.folder,
    addresses: facts,
    audience: facts.audience,
    isFolded: stdout.isTerminal && !flags.json,
    print: (line) => output.clientLine(line),
    note,
  });
  if (signal.aborted) return DONE;
  output.firstCalls(traffic.firstCalls, end.folded);
  if (end.code === 0 && traffic.firstCalls.allSucceeded) return DONE;
  const why = end.code === 0 ? "not every call succeeded" : end.how;
  note(`the first calls failed: ${setup.client}: ${why}`);
  return REFUSED;
}

/** From now on every save counts. */
function follow(
  { context, setup, output }: Dev,
  deployment: LocalDeployment,
): Promise<AsyncDisposable> {
  const { env, signal, onAbruptEnd } = context;
  const { folder, sources, access, watch } = setup;
  const more = access === undefined ? [] : [join(folder, access)];
  return watchFiles({
    paths: [...watch, sources.config, sources.image, ...more],
    onChange: reactToChanges({
      setup,
      deployment,
      generate: () => generate({ folder, image: sources.image, env, signal, onAbruptEnd }),
      say: (line) => output.say(line),
      signal,
    }),
    onError: ({ message }) => output.say(`warning ${message}`),
  });
}

function liveNames({ folder, sources, watch }: DevSetup): readonly string[] {
  const names = watch.map((path) => `${shownPath(path, folder)}/`);
  return [...names, shownPath(sources.config, folder)];
}

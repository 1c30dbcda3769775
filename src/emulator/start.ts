import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { iamTokens } from "../auth/iam-tokens.ts";
import type { TokenSource } from "../auth/token-source.ts";
import { callpathEngine } from "../http2/engine.ts";
import { defaultLimits } from "../http2/limits.ts";
import { type RunningApiGateway, startApiGateway } from "./api-gateway/start-api-gateway.ts";
import { openLocalCa } from "./ca.ts";
import { GOOGLE_ISSUER_HOSTS, type RunningIssuer, startIssuer } from "./issuer/start-issuer.ts";
import { listenAt } from "./listen-at.ts";
import { startMetadataServer } from "./metadata/start-metadata-server.ts";
import { defaultEndTimes, type EmulatorOptions } from "./options.ts";
import { planPorts } from "./port-plan.ts";
import { writePrivateFile } from "./private-file.ts";
import { accountEmail, defaultAccountEmail, defaultProject, type LocalProject } from "./project.ts";
import { launchProcesses } from "./run/launch-processes.ts";
import { instanceId } from "./run/random-names.ts";
import { defaultRevisionTimes } from "./run/revision-times.ts";
import { deterministicUri } from "./run/service-status.ts";
import { type RunningRun, startRun } from "./run/start-run.ts";
import { type RunningEmulator, runningEmulator } from "./running-emulator.ts";
import { StartedParts } from "./started-parts.ts";
import { Store } from "./store.ts";

/**
 * Start Google Cloud on this machine: local CA, token issuer, metadata server, Cloud Run, API Gateway. Nothing is deployed
 * yet. Rejects with one clear Error where a port that was asked for is in use; nothing is left open then.
 */
export async function startEmulator(options: EmulatorOptions): Promise<RunningEmulator> {
  const { stateDir, nowMs, random = Math.random, log = () => {} } = options;
  const end = { ...defaultEndTimes, ...options.endTimes };
  const project = projectOf(options);
  const ports = planPorts(options.portBase);
  const warn = (message: string): void => log("WARNING", message);
  await using stack = new StartedParts();
  const store = new Store();
  const ca = openLocalCa(stateDir, { nowMs, log: warn });
  const issuer = stack.use(
    await startIssuer({
      stateDir,
      ca,
      nowMs,
      port: ports.issuer.port,
      tlsPort: ports.issuerTls.port,
      log: warn,
    }),
  );
  const client = accountEmail(project, "gateway-client-sa");
  const identity = { ...project, issuer, nowMs, log: warn };
  const metadata = stack.use(
    await listenAt(
      ports.metadata,
      (port) =>
        startMetadataServer({ ...identity, email: client, instanceId: instanceId(random), port }),
      warn,
    ),
  );
  const clientKeyFile = join(stateDir, "gateway-client-sa.json");
  writePrivateFile(clientKeyFile, `${JSON.stringify(await issuer.keyFileFor(client), null, 2)}\n`);
  const launcher = stack.use(launchProcesses(options.env ?? {}));
  const shared = {
    store,
    engine: options.engine ?? callpathEngine,
    limits: { ...defaultLimits, ...options.limits },
    certificate: (hosts: readonly string[]) => ca.issue(hosts),
    drainMs: end.drainMs,
    nowMs,
    log,
    ...(options.onTraffic === undefined ? {} : { onTraffic: options.onTraffic }),
  };
  /** Google's host names that are servers here. */
  const resolve = new Map(
    GOOGLE_ISSUER_HOSTS.map((host) => [`${host}:443`, `127.0.0.1:${issuer.tlsPort}`]),
  );
  const run = startRun({
    ...shared,
    world: {
      launch: options.launch ?? launcher.launch,
      startMetadata: ({ instanceId: id, email }) =>
        startMetadataServer({
          ...identity,
          email: email || defaultAccountEmail(project),
          instanceId: id,
        }),
      onLog: options.onLog ?? (() => {}),
    },
    keySetJson: () => issuer.keySetJson,
    projectNumber: project.projectNumber,
    async listen(name, start) {
      const server = await listenAt(ports.service(lastPart(name)), start, warn);
      const { hostname } = new URL(deterministicUri(name, project.projectNumber));
      resolve.set(`${hostname}:443`, `127.0.0.1:${server.port}`);
      return server;
    },
    times: { ...defaultRevisionTimes, ...options.times },
    graceMs: end.graceMs,
    endMs: end.endMs,
    random,
    ...(options.stripSignature === undefined ? {} : { stripSignature: options.stripSignature }),
  });
  const apiGateway = startApiGateway({
    ...shared,
    ca: [ca.certPem],
    resolve,
    traceRefusals: options.traceRefusals ?? true,
    tokensOf: (email) => backendTokens(issuer, project, email),
    listen: (name, start) => listenAt(ports.gateway(lastPart(name)), start, warn),
  });
  const rest = stack.move();
  return runningEmulator({
    project,
    store,
    ca,
    issuer,
    metadata,
    clientKeyFile,
    run,
    apiGateway,
    random,
    async end() {
      await endInOrder(apiGateway, run, end.staggerMs);
      await rest[Symbol.asyncDispose]();
    },
  });
}

/** Callers first, so that what they still pass on finds somebody. */
async function endInOrder(
  apiGateway: RunningApiGateway,
  run: RunningRun,
  staggerMs: number,
): Promise<void> {
  const gateways = Promise.resolve(apiGateway[Symbol.asyncDispose]());
  const stagger = new AbortController();
  const enough = delay(staggerMs, undefined, { signal: stagger.signal }).catch(() => undefined);
  await Promise.race([gateways, enough]);
  stagger.abort();
  await Promise.all([gateways, run[Symbol.asyncDispose]()]);
}

function projectOf(options: EmulatorOptions): LocalProject {
  const {
    projectId = defaultProject.projectId,
    projectNumber = defaultProject.projectNumber,
    region = defaultProject.region,
  } = options;
  if (!/^[a-z]+-[a-z]+\d+$/.test(region)) {
    throw new Error(`region ${region}: write it as Google does, e.g. us-central1`);
  }
  return { projectId, projectNumber, region };
}

/** API Gateway's own identity mints tokens of the account that a config names, by IAM Credentials (TK-3). */
function backendTokens(issuer: RunningIssuer, project: LocalProject, email: string): TokenSource {
  const agent = `service-${project.projectNumber}@gcp-sa-apigateway.iam.gserviceaccount.com`;
  const scopes = ["https://www.googleapis.com/auth/cloud-platform"];
  return iamTokens({
    email,
    accessToken: () => Promise.resolve(issuer.mintAccessToken({ email: agent, scopes }).value),
    endpoint: issuer.url.origin,
  });
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

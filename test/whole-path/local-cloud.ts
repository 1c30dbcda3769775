import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { TokenSource } from "../../src/auth/token-source.ts";
import { apiConfigMessage } from "../../src/cli/dev/api-config-message.ts";
import { devSetup } from "../../src/cli/dev/dev-setup.ts";
import { LocalDeployment } from "../../src/cli/dev/local-deployment.ts";
import { serverLog } from "../../src/cli/dev/server-log.ts";
import { dev } from "../../src/cli/dev.ts";
import { parseFlags } from "../../src/cli/parse-flags.ts";
import { readBytes, readText } from "../../src/cli/project.ts";
import { fakeWorld } from "../../src/cli/world-fixture.test.ts";
import { connectGateway } from "../../src/client/connect-gateway.ts";
import { accountEmail } from "../../src/emulator/project.ts";
import type { LogLine } from "../../src/emulator/run/start-instance.ts";
import type { RunningEmulator } from "../../src/emulator/running-emulator.ts";
import { startEmulator } from "../../src/emulator/start.ts";
import type { Hop } from "../../src/rejection/hop.ts";
import type { TrafficEvent } from "../../src/rejection/traffic.ts";
import { RawClient } from "../raw-http2.ts";
import { bareEnv } from "./bare-env.ts";
import type { TestedService } from "./services.ts";

export const gatewayAudience = "grpcs://grpc-gateway-1";
export const clientAccount = account("gateway-client-sa");
export const gatewayAccount = account("gateway-sa");

/** An account of the local project. */
export function account(name: string): string {
  return accountEmail(
    { projectId: "callpath-local", projectNumber: "123456789012", region: "us-central1" },
    name,
  );
}

/** One service as `callpath dev` would have it: deployed, its gateway in front. */
export interface DeployedService {
  readonly service: TestedService;
  readonly gateway: URL;
  readonly run: URL;
  readonly deployment: LocalDeployment;
  /** Its server's --access. */
  readonly accessFile: string;
  /** Save other rules; resolves when every instance has them. */
  saveAccess(text: string): Promise<void>;
  /** A typed client's channel with tokens of that principal; at the gateway, or past it at Cloud Run. */
  channel(email: string, origin?: URL): ReturnType<typeof connectGateway>;
  /** A gateway of its own for the same service, with a config that differs. */
  serveVariant(id: string, change: (config: string) => string): Promise<URL>;
}

/** The emulator with real server processes, deployed by the code that dev uses. */
export interface LocalCloud extends AsyncDisposable {
  readonly emulator: RunningEmulator;
  readonly deployed: readonly DeployedService[];
  /** Of every hop, the servers' too, in the order they were told. */
  readonly events: readonly TrafficEvent[];
  /** What instances wrote. */
  readonly lines: readonly LogLine[];
  /** What a hop said about one call. */
  eventOf(hop: Hop, traceId: string): Promise<TrafficEvent>;
  /** A connection on raw HTTP/2, closed with the cloud. */
  raw(origin: URL): RawClient;
  /** An ID token of anybody, really signed. */
  token(email: string, audience: string): string;
  /** Resolves when `isTrue` says so; it is asked after each event and each line of an instance. */
  until(isTrue: () => boolean): Promise<void>;
}

export interface LocalCloudOptions {
  readonly services: readonly TestedService[];
  readonly instances: number;
}

export async function startLocalCloud({
  services,
  instances,
}: LocalCloudOptions): Promise<LocalCloud> {
  await using stack = new AsyncDisposableStack();
  const stateDir = mkdtempSync(join(tmpdir(), "callpath-cloud-"));
  stack.defer(() => rmSync(stateDir, { recursive: true }));
  const events: TrafficEvent[] = [];
  const lines: LogLine[] = [];
  const watchers = new Set<() => void>();
  const tell = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  const onTraffic = (event: TrafficEvent): void => {
    events.push(event);
    tell();
  };
  const readLine = serverLog({ onTraffic, show: () => {}, nowMs: Date.now });
  const emulator = stack.use(
    await startEmulator({
      stateDir,
      nowMs: Date.now,
      portBase: 0,
      env: bareEnv(stateDir),
      onTraffic,
      onLog(line) {
        lines.push(line);
        readLine(line);
        tell();
      },
    }),
  );
  const until = (isTrue: () => boolean): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (!isTrue()) return;
      watchers.delete(look);
      resolve();
    };
    watchers.add(look);
    look();
    return promise;
  };
  const token = (email: string, audience: string): string =>
    emulator.issuer.mint({ email, audience }).value;
  const clients = stack.use(new AsyncDisposableStack());
  const world: DeployWorld = { emulator, stateDir, instances, lines, until };
  const deployed = await Promise.all(services.map((service) => deploy(service, world)));
  const rest = stack.move();
  return {
    emulator,
    deployed,
    events,
    lines,
    async eventOf(hop, traceId) {
      const find = () => events.find((event) => event.hop === hop && event.traceId === traceId);
      await until(() => find() !== undefined);
      return find() as TrafficEvent;
    },
    raw: (origin) => clients.use(new RawClient(origin, { ca: emulator.ca.certPem })),
    token,
    until,
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

interface DeployWorld {
  readonly emulator: RunningEmulator;
  readonly stateDir: string;
  readonly instances: number;
  readonly lines: readonly LogLine[];
  readonly until: LocalCloud["until"];
}

async function deploy(service: TestedService, world: DeployWorld): Promise<DeployedService> {
  const { emulator, stateDir, instances, lines, until } = world;
  const { folder, name } = service;
  const accessFile = join(stateDir, `${name}-access.yaml`);
  copyFileSync(join(folder, "server/access.yaml"), accessFile);
  const args = ["--instances", String(instances), "--access", accessFile, "--state", stateDir];
  const setup = devSetup(devContext(folder, args));
  const runUrl = await emulator.addressOf(name);
  const deployment = new LocalDeployment({
    setup,
    emulator,
    runUrl: runUrl.origin,
    values: {
      PROJECT_ID: emulator.project.projectId,
      ADDRESS: runUrl.host,
      RUN_URL: runUrl.origin,
    },
    outerValues: {},
    note: () => {},
  });
  const [{ url: run }, gateway] = await Promise.all([
    deployment.deployService(),
    deployment.serveConfig(),
  ]);
  const tokenSource =
    (email: string): TokenSource =>
    (audience) =>
      Promise.resolve(emulator.issuer.mint({ email, audience }));
  return {
    service,
    gateway,
    run,
    deployment,
    accessFile,
    async saveAccess(text) {
      const from = lines.length;
      writeFileSync(accessFile, text);
      const heard = (id: string) =>
        lines
          .slice(from)
          .some(
            ({ instanceId, text }) => instanceId === id && / rules hold from now on/.test(text),
          );
      const ids = emulator.instancesOf(name).map(({ id }) => id);
      await until(() => ids.every(heard));
    },
    channel: (email, origin = gateway) =>
      connectGateway({
        address: origin.origin,
        audience: origin.origin === run.origin ? run.origin : gatewayAudience,
        tokenSource: tokenSource(email),
        ca: [emulator.ca.certPem],
        tries: 1,
        nowMs: Date.now,
      }),
    async serveVariant(id, change) {
      const { managedService } = emulator.createApi(id);
      const { config, image } = setup.sources;
      const made = apiConfigMessage({
        text: change(readText(config, folder)),
        file: relative(folder, config),
        image: readBytes(image, folder),
        imageFile: relative(folder, image),
        values: { ...deployment.values, MANAGED_SERVICE: managedService },
        account: gatewayAccount,
      });
      const { name } = emulator.createApiConfig(id, made.id, made.message);
      return (await emulator.serveConfig(id, name)).url;
    },
  };
}

/** What `callpath dev` with these arguments is given. */
function devContext(cwd: string, args: readonly string[]): Parameters<typeof devSetup>[0] {
  const parsed = parseFlags(dev, args);
  if (parsed.kind !== "run") throw new Error("help was asked for");
  const flags = parsed.flags as Parameters<typeof devSetup>[0]["flags"];
  return { ...fakeWorld({ cwd }), flags, operands: [], print() {}, note() {} };
}

import { mkdtemp, readFile, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { create } from "@bufbuild/protobuf";
import {
  type ApiConfig,
  ApiConfigSchema,
} from "../google/gen/google/cloud/apigateway/v1/apigateway_pb.ts";
import { type Service, ServiceSchema } from "../google/gen/google/cloud/run/v2/service_pb.ts";
import type { TrafficEvent } from "../rejection/traffic.ts";
import type { EmulatorOptions } from "./options.ts";
import { accountEmail, defaultProject } from "./project.ts";
import { type Answer, answerOf, writeContainer } from "./run/container-fixture.test.ts";
import type { LogLine } from "./run/start-instance.ts";
import type { RunningEmulator } from "./running-emulator.ts";
import { startEmulator } from "./start.ts";

const root = join(import.meta.dirname, "../..");
export const audience = "grpcs://grpc-gateway-1";
export const gatewaySa = accountEmail(defaultProject, "gateway-sa");
export const clientSa = accountEmail(defaultProject, "gateway-client-sa");

export interface TestEmulator extends AsyncDisposable {
  readonly emulator: RunningEmulator;
  readonly stateDir: string;
  readonly events: TrafficEvent[];
  readonly said: string[];
  /** A service of that many instances, which gateway-sa may invoke. */
  service(instances: number): Service;
  /** The walkthrough's config for a deployed service, changed in its text. */
  config(run: URL, managedService: string, change?: (text: string) => string): Promise<ApiConfig>;
  /** All of the walkthrough: a service, its invoker, an API, a config, a gateway. */
  deploy(instances?: number): Promise<{ readonly gateway: URL; readonly run: URL }>;
  open(origin: URL, path: string, headers?: http2.OutgoingHttpHeaders): http2.ClientHttp2Stream;
  call(origin: URL, path: string, headers?: http2.OutgoingHttpHeaders): Promise<Answer>;
  /** authorization of a principal for an audience. */
  as(email: string, audience: string): { readonly authorization: string };
  eventOf(hop: TrafficEvent["hop"], traceId: string): Promise<TrafficEvent>;
  /** The first line of an instance that matches. */
  line(pattern: RegExp): Promise<LogLine>;
}

export async function startTestEmulator(
  options: Partial<EmulatorOptions> = {},
): Promise<TestEmulator> {
  const stack = new AsyncDisposableStack();
  const stateDir = await mkdtemp(join(tmpdir(), "callpath-emulator-"));
  stack.defer(() => rm(stateDir, { recursive: true, force: true }));
  const events: TrafficEvent[] = [];
  const said: string[] = [];
  const logs: LogLine[] = [];
  const watchers = new Set<() => void>();
  const tell = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  const awaited = <T>(find: () => T | undefined): Promise<T> => {
    const { promise, resolve } = Promise.withResolvers<T>();
    const look = (): void => {
      const found = find();
      if (found === undefined) return;
      watchers.delete(look);
      resolve(found);
    };
    watchers.add(look);
    look();
    return promise;
  };
  const command = [await writeContainer(stateDir)];
  const emulator = stack.use(
    await startEmulator({
      stateDir,
      nowMs: Date.now,
      portBase: 0,
      env: process.env,
      onTraffic(event) {
        events.push(event);
        tell();
      },
      onLog(line) {
        logs.push(line);
        tell();
      },
      log: (_, message) => void said.push(message),
      ...options,
    }),
  );
  const sessions = new Map<string, http2.ClientHttp2Session>();
  stack.defer(() => {
    for (const session of sessions.values()) session.destroy();
  });
  const open: TestEmulator["open"] = (origin, path, headers = {}) => {
    let session = sessions.get(origin.origin);
    if (session === undefined || session.closed || session.destroyed) {
      session = http2.connect(origin, { ca: emulator.ca.certPem });
      session.on("error", () => {});
      sessions.set(origin.origin, session);
    }
    return session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
  };
  const test: TestEmulator = {
    emulator,
    stateDir,
    events,
    said,
    service(instances) {
      const count = { minInstanceCount: instances, maxInstanceCount: instances };
      const ports = [{ name: "h2c", containerPort: 8080 }];
      return create(ServiceSchema, {
        template: { scaling: count, containers: [{ command, ports }] },
      });
    },
    async config(run, managedService, change = (text) => text) {
      const template = await readFile(join(root, "gateway/api_config.yaml"), "utf8");
      const text = template
        .replaceAll("$MANAGED_SERVICE", managedService)
        .replaceAll("$ADDRESS", run.host)
        .replaceAll("$RUN_URL", run.origin);
      const image = await readFile(join(root, "gen/descriptor.pb"));
      return create(ApiConfigSchema, {
        gatewayServiceAccount: `projects/-/serviceAccounts/${gatewaySa}`,
        managedServiceConfigs: [
          { path: "gateway/api_config.yaml", contents: Buffer.from(change(text)) },
        ],
        grpcServices: [{ fileDescriptorSet: { path: "gen/descriptor.pb", contents: image } }],
      });
    },
    async deploy(instances = 1) {
      const { url: run } = await emulator.deployService("echo", test.service(instances));
      emulator.setInvokers("echo", [`serviceAccount:${gatewaySa}`]);
      const { managedService } = emulator.createApi("echo");
      const message = await test.config(run, managedService);
      const { name } = emulator.createApiConfig("echo", "first", message);
      const { url: gateway } = await emulator.serveConfig("echo", name);
      return { gateway, run };
    },
    open,
    async call(origin, path, headers) {
      const stream = open(origin, path, headers);
      stream.end();
      return await answerOf(stream);
    },
    as: (email, aud) => ({
      authorization: `Bearer ${emulator.issuer.mint({ email, audience: aud }).value}`,
    }),
    eventOf: (hop, traceId) =>
      awaited(() => events.find((event) => event.hop === hop && event.traceId === traceId)),
    line: (pattern) => awaited(() => logs.find(({ text }) => pattern.test(text))),
    async [Symbol.asyncDispose]() {
      for (const session of sessions.values()) session.destroy();
      await stack.disposeAsync();
    },
  };
  return test;
}

import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { type Service, ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import { ServiceScalingSchema } from "../../google/gen/google/cloud/run/v2/vendor_settings_pb.ts";
import { callpathEngine } from "../../http2/engine.ts";
import { defaultLimits } from "../../http2/limits.ts";
import type { TrafficEvent } from "../../rejection/traffic.ts";
import { type LocalCa, openLocalCa } from "../ca.ts";
import { setMembers } from "../iam/bindings.ts";
import { type RunningIssuer, startIssuer } from "../issuer/start-issuer.ts";
import { startMetadataServer } from "../metadata/start-metadata-server.ts";
import { Store } from "../store.ts";
import { type Answer, answerOf, writeContainer } from "./container-fixture.test.ts";
import { launchProcesses } from "./launch-processes.ts";
import { defaultRevisionTimes } from "./revision-times.ts";
import type { LogLine } from "./start-instance.ts";
import { type RunningRun, type RunOptions, startRun } from "./start-run.ts";

export const serviceName = "projects/callpath-local/locations/us-central1/services/echo";
export const gatewaySa = "gateway-sa@callpath-local.iam.gserviceaccount.com";

export interface TestRun extends AsyncDisposable {
  readonly run: RunningRun;
  readonly store: Store;
  readonly issuer: RunningIssuer;
  readonly ca: LocalCa;
  readonly events: TrafficEvent[];
  readonly logs: LogLine[];
  readonly said: string[];
  /** Write the service, changed, and wait until it serves. */
  deploy(change?: (service: Service) => void): Promise<{ url: URL; revision: string }>;
  /** A live token of gateway-sa for the service. */
  token(claims?: { email?: string; audience?: string; emailVerified?: boolean }): string;
  /** One connection for all calls. */
  open(
    path: string,
    headers?: http2.OutgoingHttpHeaders,
    options?: http2.ClientSessionRequestOptions,
  ): http2.ClientHttp2Stream;
  call(path: string, headers?: http2.OutgoingHttpHeaders): Promise<Answer>;
  /** The next traffic event of that path. */
  eventOf(path: string): Promise<TrafficEvent>;
  /** The first line that matches, of that instance or of any. */
  line(pattern: RegExp, instanceId?: string): Promise<LogLine>;
}

/** Scaling of the whole service. */
export function instances(min: number, max: number): (service: Service) => void {
  return (service) => {
    service.scaling = create(ServiceScalingSchema, {
      minInstanceCount: min,
      maxInstanceCount: max,
    });
  };
}

/** Several changes of one service. */
export function together(...changes: readonly ((service: Service) => void)[]) {
  return (service: Service): void => {
    for (const change of changes) change(service);
  };
}

/** A variable of its container. */
export function env(name: string, value: string): (service: Service) => void {
  return ({ template }) => {
    template?.containers[0]?.env.push({
      $typeName: "google.cloud.run.v2.EnvVar",
      name,
      values: { case: "value", value },
    });
  };
}

export function concurrency(count: number): (service: Service) => void {
  return ({ template }) => {
    if (template !== undefined) template.maxInstanceRequestConcurrency = count;
  };
}

export function timeout(ms: number): (service: Service) => void {
  return ({ template }) => {
    if (template === undefined) return;
    template.timeout = create(DurationSchema, { nanos: ms * 1e6 });
  };
}

export const as = (test: TestRun) => ({ authorization: `Bearer ${test.token()}` });

/** The whole of Cloud Run with a real issuer and, unless `launch` says otherwise, real processes. */
export async function startTestRun(more: Partial<RunOptions> = {}): Promise<TestRun> {
  const stack = new AsyncDisposableStack();
  const stateDir = await mkdtemp(join(tmpdir(), "callpath-run-"));
  stack.defer(() => rm(stateDir, { recursive: true }));
  const command = [await writeContainer(stateDir)];
  const nowMs = Date.now;
  const ca = openLocalCa(stateDir, { nowMs });
  const issuer = stack.use(await startIssuer({ stateDir, ca, nowMs }));
  const launcher = stack.use(launchProcesses(process.env));
  const store = new Store();
  const watchers = new Set<() => void>();
  const tell = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  const events: TrafficEvent[] = [];
  const logs: LogLine[] = [];
  const said: string[] = [];
  const run = stack.use(
    startRun({
      store,
      world: {
        launch: launcher.launch,
        startMetadata: ({ instanceId, email }) =>
          startMetadataServer({
            issuer,
            email: email || gatewaySa,
            projectId: "callpath-local",
            projectNumber: "123456789012",
            region: "us-central1",
            instanceId,
            nowMs,
          }),
        onLog(line) {
          logs.push(line);
          tell();
        },
      },
      keySetJson: () => issuer.keySetJson,
      projectNumber: "123456789012",
      certificate: (hosts) => ca.issue(hosts),
      listen: (_, start) => start(0),
      engine: callpathEngine,
      limits: defaultLimits,
      times: { ...defaultRevisionTimes, firstPauseMs: 20, longestPauseMs: 100 },
      drainMs: 2_000,
      graceMs: 2_000,
      endMs: 4_000,
      nowMs,
      random: Math.random,
      onTraffic(event) {
        events.push(event);
        tell();
      },
      log: (_, message) => void said.push(message),
      ...more,
    }),
  );
  let session: http2.ClientHttp2Session | undefined;
  stack.defer(() => session?.destroy());
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
  const open: TestRun["open"] = (path, headers = {}, options = {}) => {
    const address = store.addressOf(serviceName);
    if (address === undefined) throw new Error("not deployed");
    if (session === undefined || session.closed || session.destroyed) {
      session = http2.connect(address, { ca: ca.certPem });
      session.on("error", () => {});
    }
    const own = { ":method": "POST", ":path": path, "content-type": "application/grpc" };
    return session.request({ ...own, te: "trailers", ...headers }, options);
  };
  const test: TestRun = {
    run,
    store,
    issuer,
    ca,
    events,
    logs,
    said,
    async deploy(change = () => {}) {
      setMembers(store, serviceName, "roles/run.invoker", [`serviceAccount:${gatewaySa}`]);
      const ports = [{ name: "h2c", containerPort: 8080 }];
      const message = create(ServiceSchema, {
        template: { containers: [{ command, ports }] },
      });
      change(message);
      store.put(ServiceSchema, serviceName, message);
      return await run.settled(serviceName);
    },
    token({ email = gatewaySa, audience, emailVerified = true } = {}) {
      const aud = audience ?? store.addressOf(serviceName) ?? "";
      return issuer.mint({ email, audience: aud, emailVerified }).value;
    },
    open,
    async call(path, headers) {
      const stream = open(path, headers);
      stream.end();
      return await answerOf(stream);
    },
    eventOf: (path) => awaited(() => events.find((event) => event.path === path)),
    line: (pattern, instanceId) =>
      awaited(() =>
        logs.find(
          (line) =>
            pattern.test(line.text) && (instanceId === undefined || line.instanceId === instanceId),
        ),
      ),
    async [Symbol.asyncDispose]() {
      session?.destroy();
      await stack.disposeAsync();
    },
  };
  return test;
}

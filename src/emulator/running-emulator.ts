import { create, equals } from "@bufbuild/protobuf";
import type { ConfigProblem } from "../config/problem.ts";
import {
  Api_State,
  type ApiConfig,
  ApiConfig_State,
  ApiConfigSchema,
  ApiSchema,
  GatewaySchema,
} from "../google/gen/google/cloud/apigateway/v1/apigateway_pb.ts";
import { type Service, ServiceSchema } from "../google/gen/google/cloud/run/v2/service_pb.ts";
import { ApiConfigRefused, loadApiConfig } from "./api-gateway/load-api-config.ts";
import type { RunningApiGateway } from "./api-gateway/start-api-gateway.ts";
import type { LocalCa } from "./ca.ts";
import { setMembers } from "./iam/bindings.ts";
import type { RunningIssuer } from "./issuer/start-issuer.ts";
import type { MetadataServer } from "./metadata/start-metadata-server.ts";
import { apiConfigName, apiName, gatewayName, type LocalProject, serviceName } from "./project.ts";
import type { InstanceFact, RunningRun } from "./run/start-run.ts";
import type { Store } from "./store.ts";

/** Google Cloud on this machine. Disposing ends all of it within 8 s: calls in flight first, then instances. */
export interface RunningEmulator extends AsyncDisposable {
  readonly project: LocalProject;
  /** All resources; whoever writes into it is obeyed. What is below does that, and waits. */
  readonly store: Store;
  readonly ca: LocalCa;
  readonly issuer: RunningIssuer;
  /** A metadata server whose identity is gateway-client-sa: 127.0.0.1:PORT. */
  readonly metadata: MetadataServer;
  /** A key file of gateway-client-sa whose token_uri is the issuer here (0600). */
  readonly clientKeyFile: string;
  /**
   * Create or change a Cloud Run service; resolves when it serves. A template that differs in anything makes a new
   * revision: for a new program behind the same command, change a label or an annotation. Rejects with what the container
   * last wrote when it cannot start; then the old revision serves on.
   *
   * @param service its id, e.g. apiserver-grpc
   */
  deployService(
    service: string,
    message: Service,
  ): Promise<{ readonly name: string; readonly url: URL; readonly revision: string }>;
  /** The origin of a service, known before it is deployed: what its server takes for its own audience. */
  addressOf(service: string): Promise<URL>;
  /** Give roles/run.invoker to exactly these IAM members. */
  setInvokers(service: string, members: readonly string[]): void;
  /** The instances that take a service's calls now. */
  instancesOf(service: string): readonly InstanceFact[];
  /** Create an API, unless it is there: its managed service is the `name` of its configs. */
  createApi(api: string): { readonly name: string; readonly managedService: string };
  /**
   * Create a config of an API; the same again is no change, another under the same id an Error (they are immutable).
   * Throws ApiConfigRefused, with every fault, when API Gateway would not take it.
   */
  createApiConfig(
    api: string,
    config: string,
    message: ApiConfig,
  ): { readonly name: string; readonly warnings: readonly ConfigProblem[] };
  /** Create a gateway or point it at another config, by the config's full name; resolves when it serves it. */
  serveConfig(
    gateway: string,
    apiConfig: string,
  ): Promise<{ readonly name: string; readonly url: URL }>;
}

/** What runs, once all of it does. */
export interface EmulatorParts {
  readonly project: LocalProject;
  readonly store: Store;
  readonly ca: LocalCa;
  readonly issuer: RunningIssuer;
  readonly metadata: MetadataServer;
  readonly clientKeyFile: string;
  readonly run: RunningRun;
  readonly apiGateway: RunningApiGateway;
  readonly random: () => number;
  readonly end: () => Promise<void>;
}

/** The control plane in process: it writes messages and waits until the engines have followed. */
export function runningEmulator(parts: EmulatorParts): RunningEmulator {
  const { project, store, run, apiGateway, random } = parts;
  let ended: Promise<void> | undefined;
  return {
    project,
    store,
    ca: parts.ca,
    issuer: parts.issuer,
    metadata: parts.metadata,
    clientKeyFile: parts.clientKeyFile,
    async deployService(service, message) {
      checkId("Cloud Run service", service);
      const name = serviceName(project, service);
      const held = store.get(ServiceSchema, name)?.message;
      const generation = (held?.generation ?? 0n) + 1n;
      const latestCreatedRevision = held?.latestCreatedRevision ?? "";
      store.put(ServiceSchema, name, { ...message, name, generation, latestCreatedRevision });
      return { name, ...(await run.settled(name)) };
    },
    addressOf: (service) => run.addressOf(serviceName(project, service)),
    setInvokers: (service, members) =>
      void setMembers(store, serviceName(project, service), "roles/run.invoker", members),
    instancesOf: (service) => run.instancesOf(serviceName(project, service)),
    createApi(api) {
      checkId("API", api);
      const name = apiName(project, api);
      const held = store.get(ApiSchema, name)?.message.managedService;
      if (held !== undefined) return { name, managedService: held };
      const mark = Math.floor(random() * 36 ** 8)
        .toString(36)
        .padStart(8, "0");
      const managedService = `${api}-${mark}.apigateway.${project.projectId}.cloud.goog`;
      const state = Api_State.ACTIVE;
      store.put(ApiSchema, name, create(ApiSchema, { name, managedService, state }));
      return { name, managedService };
    },
    createApiConfig(api, config, message) {
      checkId("API config", config);
      if (store.get(ApiSchema, apiName(project, api)) === undefined) {
        throw new Error(`there is no API ${api}: create it first`);
      }
      const name = apiConfigName(project, api, config);
      const { model, problems } = loadApiConfig(name, message);
      if (model === undefined) throw new ApiConfigRefused(name, problems);
      const wanted = { ...message, name, state: ApiConfig_State.ACTIVE };
      const held = store.get(ApiConfigSchema, name)?.message;
      if (held === undefined) store.put(ApiConfigSchema, name, wanted);
      else if (!equals(ApiConfigSchema, held, wanted)) {
        throw new Error(
          `API config ${config} exists with other content: configs are immutable, use another id`,
        );
      }
      return { name, warnings: problems };
    },
    async serveConfig(gateway, apiConfig) {
      checkId("gateway", gateway);
      const name = gatewayName(project, gateway);
      const message = store.get(GatewaySchema, name)?.message ?? create(GatewaySchema, { name });
      store.put(GatewaySchema, name, { ...message, apiConfig });
      return { name, url: await apiGateway.settled(name) };
    },
    [Symbol.asyncDispose]() {
      ended ??= parts.end();
      return ended;
    },
  };
}

/** Google's rule for the ids of all of these. */
function checkId(what: string, id: string): void {
  if (/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(id)) return;
  throw new Error(
    `${what} ${JSON.stringify(id)}: an id has at most 63 lower-case letters, digits and dashes, begins with a letter and ends with no dash`,
  );
}

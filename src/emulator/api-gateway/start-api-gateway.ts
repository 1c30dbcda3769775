import type { TokenSource } from "../../auth/token-source.ts";
import type { GatewayModel } from "../../config/model.ts";
import type { GatewayOptions, RunningGateway } from "../../gateway/options.ts";
import { startGateway } from "../../gateway/serve.ts";
import {
  ApiConfigSchema,
  Gateway_State,
  GatewaySchema,
} from "../../google/gen/google/cloud/apigateway/v1/apigateway_pb.ts";
import type { Store } from "../store.ts";
import { ApiConfigRefused, accountOf, loadApiConfig } from "./load-api-config.ts";

/** What all gateways have in common. */
type SharedOptions = Pick<
  GatewayOptions,
  | "ca"
  | "resolve"
  | "engine"
  | "limits"
  | "drainMs"
  | "nowMs"
  | "onTraffic"
  | "traceRefusals"
  | "log"
>;

export interface ApiGatewayOptions extends SharedOptions {
  readonly store: Store;
  /** ID tokens of a service account, as API Gateway mints them for itself. */
  readonly tokensOf: (email: string) => TokenSource;
  /** A certificate for a gateway with these names. */
  readonly certificate: (hosts: readonly string[]) => {
    readonly cert: string;
    readonly key: string;
  };
  /** Opens a gateway's listener: `start` with the port that it is to have. */
  readonly listen: (
    gateway: string,
    start: (port: number) => Promise<RunningGateway>,
  ) => Promise<RunningGateway>;
}

/** API Gateway on this machine. Disposing drains every gateway. */
export interface RunningApiGateway extends AsyncDisposable {
  /** Where a gateway listens, when it serves its message's config; rejects with the reason when it does not. */
  settled(gateway: string): Promise<URL>;
}

/** Follow every google.cloud.apigateway.v1.Gateway of the store. Changing its `api_config` reloads it in place. */
export function startApiGateway(options: ApiGatewayOptions): RunningApiGateway {
  return new ApiGateway(options);
}

/** A gateway that serves, and by which config. */
interface Serving {
  readonly apiConfig: string;
  readonly account: string;
  readonly running: RunningGateway;
  readonly url: URL;
}

class ApiGateway implements RunningApiGateway {
  readonly #options: ApiGatewayOptions;
  /** By gateway: what serves after its last change; changes of one gateway follow one another. */
  readonly #gateways = new Map<
    string,
    { readonly apiConfig: string; readonly after: Promise<Serving> }
  >();
  /** What serves meanwhile. */
  readonly #serving = new Map<string, Serving>();
  readonly #ending = new Set<Promise<void>>();
  readonly #giveUp = new AbortController();
  readonly #watch: Disposable;

  constructor(options: ApiGatewayOptions) {
    this.#options = options;
    this.#watch = options.store.watch(GatewaySchema, (name) => this.#follow(name));
    for (const { name } of options.store.list(GatewaySchema)) this.#follow(name);
  }

  async settled(name: string): Promise<URL> {
    const gateway = this.#gateways.get(name);
    if (gateway === undefined) throw new Error(`there is no gateway ${name}`);
    return (await gateway.after).url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    this.#giveUp.abort(new Error("API Gateway is being stopped"));
    await Promise.allSettled([...this.#gateways.values()].map(({ after }) => after));
    for (const name of [...this.#serving.keys()]) this.#end(name);
    await Promise.all(this.#ending);
  }

  #follow(name: string): void {
    const message = this.#options.store.get(GatewaySchema, name)?.message;
    const known = this.#gateways.get(name);
    if (message === undefined) {
      this.#gateways.delete(name);
      const end = (): void => this.#end(name);
      known?.after.then(end, end);
      return;
    }
    const { apiConfig } = message;
    if (apiConfig === known?.apiConfig) return;
    const turn = Promise.resolve(known?.after).catch(() => undefined);
    const after = turn.then(() => this.#change(name, apiConfig));
    this.#gateways.set(name, { apiConfig, after });
    this.#writeState(name, Gateway_State.UPDATING);
    after.then(
      () => this.#writeState(name, Gateway_State.ACTIVE),
      // Whoever wants to know why asks `settled`; what served before still does.
      () => this.#writeState(name, Gateway_State.FAILED),
    );
  }

  async #change(name: string, apiConfig: string): Promise<Serving> {
    const { model, account } = this.#load(apiConfig);
    const now = this.#serving.get(name);
    if (now !== undefined && now.account === account) {
      await now.running.reload(model);
      const serving = { ...now, apiConfig };
      this.#serving.set(name, serving);
      return serving;
    }
    // Another identity needs other tokens from its first call on: a new data plane at the same address.
    if (now !== undefined) this.#end(name);
    const running = await this.#start(name, model, account, now?.url);
    const url = new URL(`https://localhost:${running.url.port}`);
    const serving: Serving = { apiConfig, account, running, url };
    this.#serving.set(name, serving);
    this.#options.store.setAddress(name, url.origin);
    return serving;
  }

  #load(apiConfig: string): { readonly model: GatewayModel; readonly account: string } {
    const config = this.#options.store.get(ApiConfigSchema, apiConfig)?.message;
    if (config === undefined) throw new Error(`there is no API config ${apiConfig}`);
    const { model, problems } = loadApiConfig(apiConfig, config);
    if (model === undefined) throw new ApiConfigRefused(apiConfig, problems);
    return { model, account: accountOf(config) };
  }

  #start(
    name: string,
    model: GatewayModel,
    account: string,
    before: URL | undefined,
  ): Promise<RunningGateway> {
    const { store: _, tokensOf, certificate, listen, ...shared } = this.#options;
    const hostname = defaultHostname(name);
    const hosts = ["localhost", "127.0.0.1", "::1", "grpc.domain.com", "*.gateway.dev", hostname];
    const tls = certificate(hosts);
    const start = (port: number): Promise<RunningGateway> =>
      startGateway({
        ...shared,
        model,
        port,
        tls,
        signal: this.#giveUp.signal,
        ...(account === "" ? {} : { backendTokens: tokensOf(account) }),
      });
    return before === undefined ? listen(name, start) : start(Number(before.port));
  }

  #writeState(name: string, state: Gateway_State): void {
    const { store } = this.#options;
    const held = store.get(GatewaySchema, name);
    if (held === undefined) return;
    const message = { ...held.message, state, defaultHostname: defaultHostname(name) };
    store.put(GatewaySchema, name, message, held.etag);
  }

  #end(name: string): void {
    const serving = this.#serving.get(name);
    if (serving === undefined) return;
    this.#serving.delete(name);
    this.#options.store.setAddress(name, undefined);
    const ending = Promise.resolve(serving.running[Symbol.asyncDispose]());
    this.#ending.add(ending);
    void ending.then(() => this.#ending.delete(ending));
  }
}

/** GATEWAY-local.REGION_CODE.gateway.dev, as Google forms it; it resolves nowhere. */
function defaultHostname(name: string): string {
  const { 3: region = "", 5: gateway } = name.split("/");
  const code = region.replace(/^([a-z])[a-z]*-([a-z])[a-z]*\d+$/, "$1$2");
  return `${gateway}-local.${code === region ? region : code}.gateway.dev`;
}

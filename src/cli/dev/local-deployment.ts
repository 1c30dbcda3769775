import type { GatewayModel } from "../../config/model.ts";
import { mayInvoke } from "../../emulator/iam/may-invoke.ts";
import { accountEmail, serviceName } from "../../emulator/project.ts";
import type { RunningEmulator } from "../../emulator/running-emulator.ts";
import { type ConfigSources, loadConfig } from "../load-config.ts";
import { readBytes, readText, shownPath } from "../project.ts";
import { apiConfigMessage } from "./api-config-message.ts";
import type { DevSetup } from "./dev-setup.ts";
import { serverFlags, serviceMessage } from "./service-message.ts";

export interface LocalDeploymentOptions {
  readonly setup: DevSetup;
  readonly emulator: RunningEmulator;
  /** Where Cloud Run's front will listen: an origin. */
  readonly runUrl: string;
  /** Template values over the environment. */
  readonly values: Readonly<Record<string, string>>;
  readonly outerValues: Readonly<Record<string, string>>;
  /** Config problems that are no errors. */
  readonly note: (line: string) => void;
}

/** The project in the local Google Cloud: what a deploy would write, written again after each change. */
export class LocalDeployment {
  readonly #options: LocalDeploymentOptions;
  readonly #api: string;
  readonly gatewayAccount: string;
  readonly invokers: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  #generation = 0;
  #model: GatewayModel;

  /** Throws InputError for a config that cannot be served. */
  constructor(options: LocalDeploymentOptions) {
    const { emulator, setup, values } = options;
    this.#options = options;
    this.#api = apiId(setup.call?.method ?? setup.service);
    this.gatewayAccount = accountEmail(emulator.project, "gateway-sa");
    this.invokers = [`serviceAccount:${this.gatewayAccount}`];
    this.values = { MANAGED_SERVICE: emulator.createApi(this.#api).managedService, ...values };
    this.#model = this.#load();
  }

  get model(): GatewayModel {
    return this.#model;
  }

  /** The gateway's first accepted audience for the project's call; undefined when it needs no token. */
  get audience(): string | undefined {
    return audienceOf(this.#model, this.#options.setup.call?.method);
  }

  /** Whether the gateway's own token opens the service, as IAM now says. */
  get gatewayMayInvoke(): boolean {
    const { emulator, setup } = this.#options;
    const name = serviceName(emulator.project, setup.service);
    return mayInvoke(emulator.store, name, { email: this.gatewayAccount, emailVerified: true });
  }

  /** A new revision of the service; resolves when it serves. Rejects with why it does not; then the old one still does. */
  async deployService(): Promise<{ readonly revision: string; readonly url: URL }> {
    const { setup, emulator, runUrl } = this.#options;
    emulator.setInvokers(setup.service, this.invokers);
    this.#generation += 1;
    const message = serviceMessage({
      command: setup.server.command,
      args: serverFlags({
        access: setup.access,
        gatewayAudience: this.audience,
        targetAudience: runUrl,
        gatewayAccount: this.gatewayAccount,
        jwks: new URL("/oauth2/v3/certs", emulator.issuer.url).href,
        ca: emulator.ca.certFile,
        invokers: this.invokers,
      }),
      folder: setup.folder,
      instances: setup.instances,
      env: {
        PROJECT_ID: emulator.project.projectId,
        GOOGLE_CLOUD_PROJECT: emulator.project.projectId,
      },
      generation: this.#generation,
    });
    return emulator.deployService(setup.service, message);
  }

  /** Read the config as it now is on disk. Throws InputError with every problem; then nothing changes. */
  readConfig(): void {
    this.#model = this.#load();
  }

  /** Serve the config that was read. Rejects with why the gateway does not take it; then the old one keeps serving. */
  async serveConfig(): Promise<URL> {
    const { emulator, setup } = this.#options;
    const { config, image } = this.#sources;
    const { id, message } = apiConfigMessage({
      text: readText(config, setup.folder),
      file: shownPath(config, setup.folder),
      image: readBytes(image, setup.folder),
      imageFile: shownPath(image, setup.folder),
      values: this.#sources.values,
      account: this.gatewayAccount,
    });
    const { name } = emulator.createApiConfig(this.#api, id, message);
    const { url } = await emulator.serveConfig(this.#api, name);
    return url;
  }

  #load(): GatewayModel {
    return loadConfig(this.#sources, this.#options.setup.folder, this.#options.note);
  }

  get #sources(): ConfigSources {
    const { setup, outerValues } = this.#options;
    return { ...setup.sources, values: { ...outerValues, ...this.values } };
  }
}

/** echo, of echo.EchoServer/SayHello: an id as API Gateway takes it. */
function apiId(name: string): string {
  const first = name.split(/[./]/, 1)[0] ?? "";
  const id = first
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "");
  return id === "" ? "api" : id.slice(0, 40).replace(/-+$/, "");
}

function audienceOf(model: GatewayModel, method: string | undefined): string | undefined {
  const routes = [...model.routes.values()];
  const route = routes.find(({ path }) => path === `/${method}`) ?? routes[0];
  return route?.auth.kind === "jwt" ? route.auth.requirements[0]?.audiences[0] : undefined;
}

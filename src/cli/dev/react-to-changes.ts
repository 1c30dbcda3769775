import { join } from "node:path";
import type { GatewayModel } from "../../config/model.ts";
import { printProblem } from "../../config/problem.ts";
import { ApiConfigRefused } from "../../emulator/api-gateway/load-api-config.ts";
import { ContainerFailure } from "../../emulator/run/start-instance.ts";
import { shownPath } from "../project.ts";
import { type ChangedParts, changedParts, type PartPaths } from "./changed-parts.ts";
import type { DevSetup } from "./dev-setup.ts";
import type { Generated } from "./generate.ts";
import type { LocalDeployment } from "./local-deployment.ts";

export interface ReactOptions {
  readonly setup: DevSetup;
  readonly deployment: Pick<
    LocalDeployment,
    "readConfig" | "serveConfig" | "deployService" | "audience" | "model"
  >;
  readonly generate: () => Promise<Generated>;
  /** One line to the user. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Make what runs follow what was saved. What cannot be used is said in one line, and the old keeps serving. */
export function reactToChanges(options: ReactOptions): (files: readonly string[]) => Promise<void> {
  const reaction = new Reaction(options);
  return async (files) => {
    try {
      await reaction.run(files);
    } catch (error) {
      if (!options.signal.aborted) options.say(`refused ${faultText(error)}`);
    }
  };
}

class Reaction {
  readonly #options: ReactOptions;
  readonly #paths: PartPaths;
  /** Something the instances run was saved, and is in no revision yet. */
  #isRevisionDue = false;

  constructor(options: ReactOptions) {
    const { folder, sources, access } = options.setup;
    this.#options = options;
    this.#paths = {
      config: sources.config,
      image: sources.image,
      access: access === undefined ? undefined : join(folder, access),
    };
  }

  /** An access file is the instances' own: they read it, and say so. Stubs and image, then the config is read, then the instances, then the gateway: each knows what the next one sends. */
  async run(files: readonly string[]): Promise<void> {
    const { setup, deployment, say } = this.#options;
    const parts = changedParts(files, this.#paths);
    const names = files.map((file) => shownPath(file, setup.folder));
    const saved = names.length > 2 ? `${names.length} files` : names.join(", ");
    if (parts.proto && !(await this.#generated())) return;
    this.#isRevisionDue ||= parts.proto || parts.image || parts.server.length > 0;
    const isConfigDue = parts.config || parts.image || parts.proto;
    const audience = deployment.audience;
    if (isConfigDue) {
      const fault = await this.#attempt(async () => deployment.readConfig());
      if (fault !== undefined) {
        say(`refused ${fault}\n        the old config keeps serving`);
        return;
      }
      // The instances are told whose tokens the gateway lets through.
      this.#isRevisionDue ||= deployment.audience !== audience;
    }
    if (this.#isRevisionDue) await this.#deploy(saved);
    if (isConfigDue) await this.#serve(parts);
  }

  async #generated(): Promise<boolean> {
    const { generate, say, signal } = this.#options;
    const { fault } = await generate();
    if (fault !== undefined && !signal.aborted)
      say(`refused ${fault}; the old service keeps serving`);
    return fault === undefined;
  }

  async #deploy(saved: string): Promise<void> {
    const { deployment, say } = this.#options;
    // One that does not start is tried again when something more is saved.
    this.#isRevisionDue = false;
    const fault = await this.#attempt(async () => {
      const { revision } = await deployment.deployService();
      say(`saved   ${saved}: revision ${revision} serves, the old one drains`);
    });
    if (fault !== undefined)
      say(`refused ${saved}: ${fault}\n        the old revision keeps serving`);
  }

  async #serve({ config, proto, image }: ChangedParts): Promise<void> {
    const { setup, deployment, say } = this.#options;
    const fault = await this.#attempt(async () => {
      await deployment.serveConfig();
    });
    if (fault !== undefined) {
      say(`refused ${fault}\n        the old config keeps serving`);
      return;
    }
    if (config)
      say(`saved   ${shownPath(setup.sources.config, setup.folder)}: the gateway serves it`);
    if (proto || image) for (const line of forgotten(deployment.model)) say(line);
  }

  /** What went wrong, in words; undefined when nothing did, or when the dev is being stopped. */
  async #attempt(run: () => Promise<void>): Promise<string | undefined> {
    if (this.#options.signal.aborted) return undefined;
    try {
      await run();
      return undefined;
    } catch (error) {
      return this.#options.signal.aborted ? undefined : faultText(error);
    }
  }
}

/** A service that was added to the image and to nothing else: the file and the line that are missing. */
function forgotten({ hiddenServices, apisAt }: GatewayModel): readonly string[] {
  return hiddenServices
    .filter((service) => !/^(google|grpc)\./.test(service))
    .map(
      (service) =>
        `hint    ${service} is in the image, and the gateway does not serve it: add \`- name: ${service}\` under apis at ${apisAt.file}:${apisAt.line}, and serve it in the server`,
    );
}

/** What went wrong, as one line where it is one fault. */
export function faultText(error: unknown): string {
  if (error instanceof ApiConfigRefused) return error.problems.map(printProblem).join("\n");
  if (error instanceof ContainerFailure) return containerFault(error);
  return error instanceof Error ? error.message.trimEnd() : String(error);
}

/** Google's sentence is the same for every cause; what a reader needs is how the program ended, and what it said last. */
function containerFault({ message, lastLines }: ContainerFailure): string {
  const how = /\(([^()]*)\)$/.exec(message.split("\n", 1)[0] ?? "")?.[1];
  if (how === undefined || lastLines.length === 0) return message.trimEnd();
  const [only, ...more] = lastLines;
  const said =
    more.length === 0 ? ` ${only}` : lastLines.map((line) => `\n          ${line}`).join("");
  return `it ended with ${how}:${said}`;
}

import { join } from "node:path";
import { printProblem } from "../../config/problem.ts";
import { ApiConfigRefused } from "../../emulator/api-gateway/load-api-config.ts";
import { shownPath } from "../project.ts";
import { type ChangedParts, changedParts } from "./changed-parts.ts";
import type { DevSetup } from "./dev-setup.ts";
import type { Generated } from "./generate.ts";
import type { LocalDeployment } from "./local-deployment.ts";

export interface ReactOptions {
  readonly setup: DevSetup;
  readonly deployment: Pick<
    LocalDeployment,
    "deployService" | "serveConfig" | "audience" | "model"
  >;
  readonly generate: () => Promise<Generated>;
  /** One line to the user. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Make what runs follow what was saved. What cannot be used is said in one line, and the old keeps serving. */
export function reactToChanges(options: ReactOptions): (files: readonly string[]) => Promise<void> {
  const { setup, signal, say } = options;
  const { folder, sources, access } = setup;
  const paths = {
    config: sources.config,
    image: sources.image,
    access: access === undefined ? undefined : join(folder, access),
  };
  return async (files) => {
    const parts = changedParts(files, paths);
    const names = files.map((file) => shownPath(file, folder));
    await react(options, parts, names).catch((error: unknown) => {
      if (!signal.aborted) say(`bug     ${error instanceof Error ? error.stack : String(error)}`);
    });
  };
}

async function react(
  { setup, deployment, generate, say, signal }: ReactOptions,
  parts: ChangedParts,
  names: readonly string[],
): Promise<void> {
  const saved = names.length > 2 ? `${names.length} files` : names.join(", ");
  if (parts.access) say(`saved   ${setup.access}: live, every instance reads it itself`);
  if (parts.proto) {
    const { fault } = await generate();
    if (signal.aborted) return;
    if (fault !== undefined) {
      say(`refused ${fault}; the old service keeps serving`);
      return;
    }
  }
  const audience = deployment.audience;
  const isNewRevision = parts.proto || parts.image || parts.server.length > 0;
  if (isNewRevision) {
    const started = await attempt(() => deployment.deployService(), signal);
    if (started.fault !== undefined)
      say(`refused ${saved}: ${started.fault}; the old revision keeps serving`);
    else if (started.value !== undefined)
      say(`saved   ${saved}: revision ${started.value.revision} serves, the old one drains`);
  }
  if (signal.aborted || !(parts.config || parts.image || parts.proto)) return;
  const served = await attempt(() => deployment.serveConfig(), signal);
  if (served.fault !== undefined) {
    say(`refused ${served.fault}\n        the old config keeps serving`);
    return;
  }
  if (parts.config)
    say(`saved   ${shownPath(setup.sources.config, setup.folder)}: the gateway serves it`);
  if (parts.proto || parts.image) for (const line of forgotten(deployment, setup)) say(line);
  // The server is told whose tokens the gateway lets through.
  if (deployment.audience !== audience && !isNewRevision)
    await attempt(() => deployment.deployService(), signal);
}

/** A service that was added to the image and to nothing else: the file and the line that are missing. */
function forgotten({ model }: ReactOptions["deployment"], _: DevSetup): readonly string[] {
  return model.hiddenServices
    .filter((service) => !/^(google|grpc)\./.test(service))
    .map(
      (service) =>
        `hint    ${service} is in the image, and the gateway does not serve it: add \`- name: ${service}\` under apis at ${model.apisAt.file}:${model.apisAt.line}`,
    );
}

/** A fault in words; neither when the dev is being stopped. */
async function attempt<T>(
  run: () => Promise<T>,
  signal: AbortSignal,
): Promise<{ readonly value?: T; readonly fault?: string }> {
  try {
    return { value: await run() };
  } catch (error) {
    if (signal.aborted) return {};
    return { fault: faultText(error) };
  }
}

/** What went wrong, as one line where it is one fault. */
export function faultText(error: unknown): string {
  if (error instanceof ApiConfigRefused) return error.problems.map(printProblem).join("\n");
  return error instanceof Error ? error.message.trimEnd() : String(error);
}

import { join } from "node:path";
import type { RunningEmulator } from "../../emulator/running-emulator.ts";
import { shownPath } from "../project.ts";
import type { DevSetup } from "./dev-setup.ts";
import type { DevFacts } from "./dev-state.ts";
import { type FirstScreenFacts, servedServices } from "./first-screen.ts";
import type { LocalDeployment } from "./local-deployment.ts";

/** What other commands are told. */
export function devFacts(
  setup: DevSetup,
  emulator: RunningEmulator,
  deployment: LocalDeployment,
  { gateway, run }: { readonly gateway: string; readonly run: string },
): DevFacts {
  return {
    gateway,
    run,
    issuer: emulator.issuer.url.origin,
    metadata: emulator.metadata.host,
    controlPlane: null,
    console: null,
    ca: emulator.ca.certFile,
    clientKey: emulator.clientKeyFile,
    config: setup.sources.config,
    image: setup.sources.image,
    access: setup.access === undefined ? undefined : join(setup.folder, setup.access),
    values: deployment.values,
    audience: deployment.audience,
    service: setup.service,
    gatewayAccount: deployment.gatewayAccount,
    gatewayMayInvoke: deployment.gatewayMayInvoke,
  };
}

/** What the first screen says. */
export function screenFacts(
  setup: DevSetup,
  facts: DevFacts,
  deployment: LocalDeployment,
  { cwd, revision }: { readonly cwd: string; readonly revision: string },
): FirstScreenFacts {
  const shown = (path: string) => shownPath(path, cwd);
  return {
    services: servedServices(deployment.model),
    audience: facts.audience,
    gateway: facts.gateway,
    config: shown(facts.config),
    run: facts.run,
    revision,
    invokers: deployment.invokers,
    instances: setup.instances,
    server: setup.server.command,
    files: [shown(facts.ca), shown(facts.clientKey)],
  };
}

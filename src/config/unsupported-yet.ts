import type { GatewayModel, Upstream } from "./model.ts";
import { type ConfigProblem, placeOf } from "./problem.ts";

/**
 * What a valid model asks for and the gateway cannot do yet: for whoever starts one, to refuse instead of serving it
 * wrongly. A check of the config alone says nothing about it. With `--backend`, addresses count for nothing.
 */
export function unsupportedYet(model: GatewayModel): readonly ConfigProblem[] {
  const problems = new Map<string, ConfigProblem>();
  for (const { upstream } of model.routes.values()) {
    for (const { message, hint } of faultsOf(upstream)) {
      const { at } = upstream;
      const problem = { code: "not-available-yet", message, path: "backend.rules", hint } as const;
      problems.set(`${placeOf(at)} ${message}`, { severity: "error", at, ...problem });
    }
  }
  return [...problems.values()];
}

function faultsOf({ address, protocol, pathTranslation }: Upstream) {
  const faults: { message: string; hint: string }[] = [];
  if (protocol === "http/1.1") {
    const grpc = address.replace(/^(?:http(s?):\/\/)?/i, (scheme, s?: string) =>
      scheme === "" || s ? "grpcs://" : "grpc://",
    );
    faults.push({
      message: `HTTP/1.1 backends are not available yet: ${address}`,
      hint: `For a gRPC service write address: ${grpc}`,
    });
  }
  if (pathTranslation !== undefined) {
    faults.push({
      message: "path_translation is not available yet",
      hint: "Remove it: gRPC calls keep their path",
    });
  }
  return faults;
}

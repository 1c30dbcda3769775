import { type LoadedModel, loadGatewayModel } from "../../config/load-gateway-model.ts";
import { type ConfigProblem, printProblem } from "../../config/problem.ts";
import type { ApiConfig } from "../../google/gen/google/cloud/apigateway/v1/apigateway_pb.ts";

/** An API config that API Gateway would not take: every fault with its place. */
export class ApiConfigRefused extends Error {
  override readonly name = "ApiConfigRefused";
  readonly problems: readonly ConfigProblem[];

  constructor(name: string, problems: readonly ConfigProblem[]) {
    super([`API config ${name} is refused`, ...problems.map(printProblem)].join("\n"));
    this.problems = problems;
  }
}

/**
 * What an API config tells a gateway: its one service config and its one descriptor image, both as bytes in the message.
 * Throws an Error where a part is missing or of a kind that is not available here; faults inside are `problems`.
 */
export function loadApiConfig(name: string, config: ApiConfig): LoadedModel {
  const [document, ...more] = config.managedServiceConfigs;
  const [grpc, ...others] = config.grpcServices;
  if (document === undefined) {
    throw new Error(
      `API config ${name}: managed_service_configs is empty: give it api_config.yaml`,
    );
  }
  if (more.length > 0) {
    throw new Error(
      `API config ${name}: ${more.length + 1} managed_service_configs: several are not merged here yet, write one`,
    );
  }
  if (config.openapiDocuments.length > 0 || grpc === undefined) {
    throw new Error(
      `API config ${name}: grpc_services is empty: give it the descriptor image (OpenAPI documents are not available here)`,
    );
  }
  if (others.length > 0) {
    throw new Error(
      `API config ${name}: ${others.length + 1} grpc_services: put all into one image`,
    );
  }
  return loadGatewayModel({
    file: document.path,
    // It is filled in already: a dollar that is left stands for itself.
    text: Buffer.from(document.contents).toString("utf8").replaceAll("$", "$$$$"),
    image: grpc.fileDescriptorSet?.contents ?? new Uint8Array(),
    imageFile: grpc.fileDescriptorSet?.path ?? "",
    values: {},
  });
}

/** The email in EMAIL, projects/-/serviceAccounts/EMAIL or projects/P/accounts/EMAIL; "" when there is none. */
export function accountOf({ gatewayServiceAccount }: ApiConfig): string {
  return gatewayServiceAccount.slice(gatewayServiceAccount.lastIndexOf("/") + 1);
}

export type { LoadedModel } from "../config/load-gateway-model.ts";
export type { GatewayModel } from "../config/model.ts";
export { type ConfigProblem, printProblem } from "../config/problem.ts";
export type { GatewayOptions, RunningGateway } from "./options.ts";
export { startGateway } from "./serve.ts";

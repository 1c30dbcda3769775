export { type LoadedModel, loadGatewayModel } from "../config/load-gateway-model.ts";
export type { GatewayModel } from "../config/model.ts";
export { type ConfigProblem, printProblem } from "../config/problem.ts";
export { unsupportedYet } from "../config/unsupported-yet.ts";
export type { GatewayOptions, RunningGateway } from "./options.ts";
export { startGateway } from "./serve.ts";

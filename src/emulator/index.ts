export { ApiConfigRefused } from "./api-gateway/load-api-config.ts";
export type { EmulatorOptions } from "./options.ts";
export {
  accountEmail,
  apiConfigName,
  gatewayName,
  type LocalProject,
  serviceName,
} from "./project.ts";
export type { Launch, Launched, LaunchRequest } from "./run/launch.ts";
export { ContainerFailure, type LogLine } from "./run/start-instance.ts";
export type { InstanceFact } from "./run/start-run.ts";
export type { RunningEmulator } from "./running-emulator.ts";
export { startEmulator } from "./start.ts";
export { EtagMismatch, type Resource, Store } from "./store.ts";

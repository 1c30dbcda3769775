export type { GatewayModel } from "../config/model.ts";

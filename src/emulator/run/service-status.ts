import { create } from "@bufbuild/protobuf";
import {
  type Condition,
  Condition_State,
  ConditionSchema,
} from "../../google/gen/google/cloud/run/v2/condition_pb.ts";
import { type Service, ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import {
  TrafficTargetAllocationType,
  TrafficTargetStatusSchema,
} from "../../google/gen/google/cloud/run/v2/traffic_target_pb.ts";
import type { Store } from "../store.ts";

/** What has become of a service's last change. */
export type ServiceState =
  | { readonly kind: "reconciling"; readonly revision: string }
  | { readonly kind: "ready"; readonly revision: string }
  | { readonly kind: "failed"; readonly revision: string; readonly message: string };

/** Write it into the service's output fields, as Cloud Run does; nothing when the service is gone. */
export function writeServiceState(
  store: Store,
  name: string,
  uri: string,
  state: ServiceState,
): void {
  const held = store.get(ServiceSchema, name);
  if (held === undefined) return;
  const { message, etag } = held;
  store.put(ServiceSchema, name, { ...message, ...outputs(message, uri, state) }, etag);
}

/** https://SERVICE-PROJECTNUMBER.REGION.run.app: known before anything runs. */
export function deterministicUri(name: string, projectNumber: string): string {
  const { 3: region, 5: service } = name.split("/");
  return `https://${service}-${projectNumber}.${region}.run.app`;
}

function outputs(message: Service, uri: string, state: ServiceState): Partial<Service> {
  const { revision } = state;
  const condition = conditionOf(state);
  const shared = {
    uri,
    urls: [uri],
    latestCreatedRevision: revision,
    reconciling: state.kind === "reconciling",
    terminalCondition: condition,
    conditions: [condition],
  };
  if (state.kind !== "ready") return shared;
  return {
    ...shared,
    observedGeneration: message.generation,
    latestReadyRevision: revision,
    trafficStatuses: [
      create(TrafficTargetStatusSchema, {
        type: TrafficTargetAllocationType.LATEST,
        revision,
        percent: 100,
      }),
    ],
  };
}

function conditionOf(state: ServiceState): Condition {
  return create(ConditionSchema, {
    type: "Ready",
    state: CONDITION_STATES[state.kind],
    message: state.kind === "failed" ? state.message : "",
  });
}

const CONDITION_STATES = {
  reconciling: Condition_State.CONDITION_RECONCILING,
  ready: Condition_State.CONDITION_SUCCEEDED,
  failed: Condition_State.CONDITION_FAILED,
} as const;

import { create } from "@bufbuild/protobuf";
import {
  Condition_State,
  ConditionSchema,
} from "../../google/gen/google/cloud/run/v2/condition_pb.ts";
import { type Service, ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import {
  TrafficTargetAllocationType,
  type TrafficTargetStatus,
  TrafficTargetStatusSchema,
} from "../../google/gen/google/cloud/run/v2/traffic_target_pb.ts";
import type { Store } from "../store.ts";

/** What has become of a service's last change. */
export interface ServiceState {
  readonly kind: "reconciling" | "ready" | "failed";
  /** That it led to. */
  readonly revision: string;
  /** That serves now; "" when none does. */
  readonly serving: string;
  /** Why it failed. */
  readonly message: string;
}

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
  const condition = create(ConditionSchema, {
    type: "Ready",
    state: CONDITION_STATES[state.kind],
    message: state.message,
  });
  const { revision, serving } = state;
  return {
    uri,
    urls: [uri],
    latestCreatedRevision: revision,
    latestReadyRevision: serving,
    reconciling: state.kind === "reconciling",
    ...(state.kind === "reconciling" ? {} : { observedGeneration: message.generation }),
    terminalCondition: condition,
    conditions: [condition],
    trafficStatuses: serving === "" ? [] : [allTrafficTo(serving)],
  };
}

function allTrafficTo(revision: string): TrafficTargetStatus {
  const type = TrafficTargetAllocationType.LATEST;
  return create(TrafficTargetStatusSchema, { type, revision, percent: 100 });
}

const CONDITION_STATES = {
  reconciling: Condition_State.CONDITION_RECONCILING,
  ready: Condition_State.CONDITION_SUCCEEDED,
  failed: Condition_State.CONDITION_FAILED,
} as const;
